"""chiasma fit METHOD DATA... -o RUN"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from chiasma.cli.flags import (
    Flag,
    build,
    config_flags,
    flag,
    input_flags,
    merge,
    read_config,
    read_inputs,
)
from chiasma.cli.option_flags import option_flags, read_options
from chiasma.cli.output import emit, estimate, say
from chiasma.core.cards import find_card, list_cards
from chiasma.core.config import parse_settings, read_toml


def register(app: App, arguments: list[str]) -> None:
    """Add the verb, with the flags of the method that is named."""
    method = _method(arguments[arguments.index("fit") + 1 :])
    flags: list[Flag] = []
    inputs: list[Flag] = []
    shared = _shared()
    if method is not None:
        from chiasma.workflow.method import load_method

        card = find_card(method)
        # only windows cut from sequences have the shared length: elsewhere --length is the method's own
        shared = _shared(without=() if card.data == "sequences" else ("length",))
        inputs = input_flags(card)
        taken = {name.lstrip("-") for parameter in [*inputs, *shared] for name in _names(parameter)}
        flags = config_flags(load_method(method).config_class, taken)
    parameters = [
        Flag("method", Flag.POSITIONAL_ONLY, annotation=Annotated[str, Parameter(help=_methods())]),
        Flag(
            "data", Flag.POSITIONAL_ONLY, default=None, annotation=Annotated[str | None, Parameter(help="first input")]
        ),
        *inputs,
        *shared,
        *flags,
    ]
    command = build(lambda values: _fit(values, flags), parameters)
    app.command(command, name="fit", help="Fit a method, evaluate it beside the simple rivals, explain, report.")


def _method(words: list[str]) -> str | None:
    """The method named: the first word, or the first that is one where flags stand before it."""
    if words and not words[0].startswith("-"):
        return words[0]
    known = {card.name for card in list_cards()}
    return next((word for word in words if word in known), None)


def _methods() -> str:
    return "one of " + ", ".join(card.name for card in list_cards())


def _shared(*, without: Collection[str] = ()) -> list[Flag]:
    return [
        flag("output", Path | None, help="run folder; default runs/METHOD-HASH", names=("--output", "-o")),
        flag("preset", str, help="preset of the configuration [default: default]", default="default"),
        flag("config", Path | None, help="TOML file of configuration fields"),
        flag("set", list[str] | None, help="key=value for any configuration field, repeatable", negative=""),
        flag(
            "start",
            Path | None,
            help="run, folder of weights, or name of published ones to fine-tune from",
            names=("--from",),
        ),
        flag("overwrite", bool, help="replace a run of another configuration", default=False, negative=""),
        flag("dry_run", bool, help="check everything and print what it would cost", default=False, negative=""),
        flag("json", bool, help="print the result as JSON", default=False, negative=""),
        *option_flags(without=without),
    ]


def _names(parameter: Flag) -> tuple[str, ...]:
    return parameter.annotation.__metadata__[0].name


def _fit(values: Mapping[str, Any], flags: list[Flag]) -> int:
    from chiasma.workflow.fitting.fit import carry_out, plan

    card = find_card(values["method"])
    config = read_toml(values["config"]) if values.get("config") else {}
    config = config.get("config", config)
    config = merge(merge(config, parse_settings(values.get("set") or [])), read_config(values, flags))
    own = {parameter.name for parameter in flags}
    job = plan(
        card.name,
        read_inputs(card, values, values.get("data")),
        config=config,
        preset=values.get("preset", "default"),
        options=read_options({name: value for name, value in values.items() if name not in own}),
        start=values.get("start"),
    )
    output = values.get("output") or job.default_output()
    if values.get("dry_run"):
        from chiasma.workflow.fitting.estimate import estimate_cost

        expected = estimate_cost(job, output=output)
        emit(
            expected,
            "\n".join(f"{key:<12}{value}" for key, value in expected.items()),
            as_json=values.get("json", False),
        )
        return 0
    result = carry_out(job, output, overwrite=values.get("overwrite", False))
    if result.state == "complete":
        say(f"already done: {result.path}")
    record = {"run": result.path, "verdict": result.verdict, "report": result.report, **result.metrics}
    emit(
        record, _summary(result.path, result.verdict, result.metrics, result.report), as_json=values.get("json", False)
    )
    return 0


def _summary(path: Path, verdict: str, metrics: Mapping[str, Any], report: Path | None) -> str:
    from chiasma.workflow.evaluating.factors import HELD_OUT

    primary = metrics["primary"]
    held_out = (metrics.get("conditions") or {}).get("scored on", HELD_OUT) == HELD_OUT
    lines = [
        verdict,
        "",
        f"{'test' if held_out else 'all samples,'} {primary}: {estimate(metrics['test'].get(primary))}",
    ]
    lines += [f"  beside {name}: {estimate(found.get(primary))}" for name, found in metrics["baselines"].items()]
    return "\n".join([*lines, "", f"run:    {path}", f"report: {report or 'not written'}"])
