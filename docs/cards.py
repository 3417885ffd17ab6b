"""What the documentation says of methods and experiments, written from their cards and files.

`python docs/cards.py` brings the table in README.md up to date; scripts/docs does it before it builds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chiasma.core.cards import Card, Port, bibtex, list_cards
from chiasma.core.config import Config
from chiasma.fit.config import TrainingConfig
from chiasma.workflow.method import load_method
from chiasma.workflow.reproducing.reproduce import list_experiments, load_experiment

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- methods: written by docs/cards.py -->", "<!-- end of methods -->"


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def readme_table(cards: tuple[Card, ...]) -> str:
    """Method, wing, question, parity, status."""
    rows = [(f"`{card.name}`", card.wing, card.question, card.parity.kind, card.status) for card in cards]
    return table(rows, ("method", "wing", "question", "parity", "status"))


def with_table(text: str, cards: tuple[Card, ...]) -> str:
    """The README with its table replaced."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{readme_table(cards)}\n{END}{after}"


def _ports(ports: tuple[Port, ...]) -> str:
    rows = [(f"`{port.name}`", port.kind, port.axes, port.unit, port.help) for port in ports]
    return table(rows, ("name", "kind", "axes", "unit", "what it is"))


def _fields(config: type[Config], defaults: dict[str, Any]) -> str:
    rows = []
    for key, field in config.model_fields.items():
        value = defaults[key]
        shown = "none" if value is None else "see below" if key == "training" else str(value)
        meaning = field.description or "how the network is trained"
        rows.append((f"`{key}`", shown, meaning))
    return table(rows, ("setting", "default", "meaning"))


def _settings(card: Card) -> str:
    method = load_method(card.name)
    defaults = method.presets["default"]().model_dump(mode="json")
    text = _fields(method.config_class, defaults)
    if "training" in defaults:
        text += "\n\n### Training\n\nOn the command line `--training.KEY VALUE`, in a file the table `[training]`.\n\n"
        text += _fields(TrainingConfig, defaults["training"])
    return text


def page(card: Card) -> str:
    """One method's page."""
    facts = {
        "Contract": card.contract,
        "Data and targets": f"{card.data}; {', '.join(card.targets)}",
        "The simple rival that it must face": card.rival,
        "Status": card.status,
        "Parity with the original": ". ".join(part for part in (card.parity.kind, card.parity.note) if part),
        "Tolerance": card.parity.tolerance,
        "Trainable parameters": ", ".join(f"{count:,} ({preset})" for preset, count in card.parameters.items()),
        "Receptive field": f"{card.receptive_field} positions" if card.receptive_field else "",
        "Invariances, measured": ", ".join(card.invariances),
        "Cost": card.cost,
        "Licence of the original": f"code: {card.licences.code}; weights: {card.licences.weights}",
        "Presets": ", ".join(f"`{preset}`" for preset in load_method(card.name).presets),
    }
    paper = card.paper
    doi = f" [doi:{paper.doi}](https://doi.org/{paper.doi})" if paper.doi else ""
    return "\n\n".join(
        [
            f"# {card.name}",
            f"*{card.question}*",
            f"{card.title}. {paper.authors} ({paper.year}). {paper.title}. {paper.journal}.{doi}",
            table([(key, value) for key, value in facts.items() if value], ("", f"wing `{card.wing}`")),
            "## Inputs",
            _ports(card.inputs),
            "## Outputs",
            _ports(card.outputs),
            "## Settings",
            "On the command line a flag each (`--KEY VALUE`), in a file `--config FILE.toml`.",
            _settings(card),
            "## Citation",
            f"```bibtex\n{bibtex(card)}```",
        ]
    )


def write_pages(folder: Path) -> None:
    """A page for each card; pages of cards that are gone are removed, unchanged ones are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{card.wing}-{card.name}.md": page(card) + "\n" for card in list_cards()}
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")


def experiments() -> str:
    """The experiments that come with chiasma: question, time, and what is expected of each."""
    parts = ["# The experiments", "What `chiasma reproduce NAME` does, and what it holds its figures against."]
    for name in list_experiments():
        experiment = load_experiment(name)
        rows = []
        for wanted in experiment.expect:
            facts = wanted.model_dump(exclude={"what", "step", "file", "key", "source"}, exclude_none=True)
            bound = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items() if value != "")
            rows.append((wanted.what or wanted.key, bound or "reported as found", wanted.source or ""))
        parts += [
            f"## {name}",
            f"{experiment.title}. {experiment.question} Minutes on two cores: {experiment.minutes}.",
        ]
        parts += [table(rows, ("figure", "expected", "source"))] if rows else []
    return "\n\n".join(parts) + "\n"


def write_experiments(path: Path) -> None:
    """The page of the experiments, left alone where nothing changed."""
    text = experiments()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8"), list_cards()), encoding="utf-8")
