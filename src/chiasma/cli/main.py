"""The entry point: finds the verb, runs it, turns errors into messages and exit codes."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from chiasma.core.errors import ChiasmaError, UsageError

VERBS = {
    "list": "what there is",
    "show": "a method's card, configuration, citation, licences",
    "demo": "the main job, end to end, in about two minutes",
    "fit": "fit a method, evaluate it beside the simple rivals, explain, report",
    "compare": "methods and simple rivals on one split: differences, cost, a verdict",
    "predict": "put a fitted model to work on new input",
    "explain": "why a fitted model says what it says",
    "design": "sequences evolved towards an activity, under rules, checked by a second model",
    "variants": "effects of a VCF's alleles on what models say, from VCF to VCF",
    "personal": "does a model tell people apart: predictions from phased genomes against their expression",
    "simulate": "simulated examples of a method, or peaks",
    "audit": "leakage, confounders, duplicates, imbalance; of data, a run, or somebody's split",
    "reproduce": "a paper's or a lab's result, checked against what is expected",
    "report": "the page of one run, or of several side by side",
    "notebook": "a runnable notebook about a run",
    "cite": "the BibTeX and a Methods paragraph of a run",
    "data": "named datasets: list, get, path",
    "weights": "published checkpoints: list, get, check; used by name wherever a MODEL is asked for",
    "new": "the folder and test of a new method",
}
"""Verbs and their one-line help; the module cli/VERB.py is imported when its verb is asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 usage, 3 bad input, 4 a run that failed."""
    # Threads that wait by spinning cost up to ten times when another process wants the core; set before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; the exit code."""
    try:
        return _dispatch(arguments)
    except ChiasmaError as error:
        _print_error(error, as_json="--json" in arguments)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 141  # as a process killed by a closed pipe; a fit under way resumes
    except Exception as error:
        return _surprise(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command resumes", file=sys.stderr)
        return 130


def _dispatch(arguments: list[str]) -> int:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb is None or (arguments[0].startswith("-") and verb not in VERBS):
        return _top(arguments)
    if verb not in VERBS:
        from chiasma.core.errors import unknown_name

        raise unknown_name("verb", verb, VERBS)
    from cyclopts import App, CycloptsError, Parameter
    from rich.console import Console

    from chiasma.cli.standard_input import STANDARD_INPUT

    arguments = [STANDARD_INPUT if word == "-" else word for word in arguments]
    plain = Parameter(negative_bool=(), negative_iterable=())  # no --no-json beside --json, no --empty-betas
    app = App(
        name="chiasma",
        help_flags=["--help", "-h"],
        version_flags=[],
        error_console=Console(stderr=True),
        default_parameter=plain,
    )
    app.suppress_keyboard_interrupt = False
    import_module(f"chiasma.cli.{verb}").register(app, arguments)
    try:
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise UsageError(str(error).strip(), do=f"see 'chiasma {verb} --help'") from error
    return result if isinstance(result, int) else 0


def _top(arguments: Sequence[str]) -> int:
    if "--version" in arguments:
        from chiasma import __version__

        print(__version__)
        return 0
    unknown = [word for word in arguments if word not in ("--help", "-h")]
    if unknown:
        raise UsageError("unknown option", got=unknown[0], expected="--help, --version or a verb")
    width = max(map(len, VERBS)) + 2
    lines = [f"  {verb.ljust(width)}{text}" for verb, text in VERBS.items()]
    print("Usage: chiasma VERB ...\n")
    print("Whether a neural network really beats the simple method on your genomic files, by how much and why.\n")
    print("Verbs:\n" + "\n".join(lines))
    print("\nchiasma VERB --help tells more; errors exit with 2 (usage), 3 (bad input) or 4 (a run that failed).")
    return 0


def _surprise(error: Exception, *, as_json: bool) -> int:
    """An error that nobody foresaw: one message for the user, the trace for who asks for it."""
    from chiasma.core.errors import RunError

    if os.environ.get("CHIASMA_TRACEBACK"):
        raise error
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"cannot go on: {error.strerror}" if isinstance(error, OSError) and error.strerror else "an unforeseen error"
    where = getattr(error, "filename", None) or f"{os.path.basename(place.filename)}:{place.lineno}"
    got = f"{type(error).__name__}: {error}"
    do = "look at the input named; if it is in order, this is a defect of chiasma: report it with CHIASMA_TRACEBACK=1"
    found = RunError(what, where=where, got=got, do=do)
    _print_error(found, as_json=as_json)
    return found.exit_code


def _print_error(error: ChiasmaError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_dict()), file=sys.stderr)
    else:
        print(f"error: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
