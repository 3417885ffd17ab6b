"""The one training loop, on lightning-fabric, and the tasks that several networks share."""
