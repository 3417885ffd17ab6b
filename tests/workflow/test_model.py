"""MODEL arguments: files of the user's own, networks at hand, and what is refused."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from chiasma.core.errors import InputError, UsageError
from chiasma.workflow import explain, predict
from chiasma.workflow.model import OwnModel, resolve_model
from command_line import call, done

NETWORKS = """
    import numpy as np
    import torch
    from torch import nn
    from neighbour import WIDTH

    class Counter(nn.Module):
        columns = ("gc", "length")

        def forward(self, x):
            return torch.stack([x[:, 1:3].sum(dim=(1, 2)), x.sum(dim=(1, 2))], dim=1)

    def counter():
        return Counter()

    def gc(x):
        return x[:, 1:3].sum(dim=(1, 2))[:, None]

    def likely(x):
        share = gc(x) / x.shape[2]
        return torch.cat([1 - share, share], dim=1)

    likely.columns = ("p_at", "p_gc")

    def in_numpy(x):
        return np.asarray(x)[:, 1:3].sum(axis=(1, 2))[:, None]

    def first_ten(x):
        assert x.shape[2] == 10
        return gc(x)

    first_ten.length = 10

    def flat(x):
        return x.sum(dim=(1, 2))

    def breaks(x):
        raise RuntimeError("no luck")

    def infinite(x):
        return gc(x) / 0

    def no_network():
        return 3

    class Sized(nn.Module):
        def __init__(self, size):
            super().__init__()

    def unlikely(x):
        return 2 * gc(x)

    unlikely.columns = ("p_gc",)

    def mixed(x):
        return likely(x)

    mixed.columns = ("p_gc", "gc")

    def one_too_many(x):
        return gc(x)

    one_too_many.columns = ("a", "b")
"""


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "neighbour.py").write_text("WIDTH = 3\n")
    path = folder / "networks.py"
    path.write_text(textwrap.dedent(NETWORKS))
    return path


@pytest.fixture(scope="module")
def sequences(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("own") / "some.fa"
    path.write_text(">chr1:100-112\nACGTACGTACGG\n>chr2:0-12\nAAAATTTTNNGG\n>chr1:5-17\nGGGGCCCCGGGG\n")
    return path


def test_functions_networks_and_their_builders_answer_alike(networks, sequences):
    counted = done("predict", f"{networks}:counter", sequences, "-o", networks.parent / "x.tsv")
    assert "3 predictions" in counted.err
    rows = [line.split("\t") for line in (networks.parent / "x.tsv").read_text().splitlines()]
    assert rows[0] == ["id", "yhat_gc", "yhat_length"]
    assert [row[1:] for row in rows[1:]] == [["7", "12"], ["2", "10"], ["12", "12"]]
    for name in ("gc", "in_numpy"):
        columns, _ = predict(f"{networks}:{name}", {"input": sequences})
        assert list(columns) == ["id", "yhat_output1"]
        assert columns["yhat_output1"].tolist() == [7, 2, 12]
    likely, _ = predict(f"{networks}:likely", {"input": sequences})
    np.testing.assert_allclose(likely["p_gc"], np.array([7, 2, 12]) / 12, rtol=1e-6)
    np.testing.assert_allclose(likely["p_at"] + likely["p_gc"], 1, rtol=1e-6)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 3), nn.Dropout(0.5))
    columns, _ = predict(network, {"input": sequences})
    again, _ = predict(network, {"input": sequences})
    assert list(columns) == ["id", "yhat_output1", "yhat_output2", "yhat_output3"]
    assert all(np.array_equal(columns[name], again[name]) for name in columns), "dropout must be off"


def test_places_and_lengths(networks, sequences, tmp_path):
    done("predict", f"{networks}:likely", sequences, "-o", tmp_path / "p.bed")
    assert (tmp_path / "p.bed").read_text().splitlines()[0].split("\t")[:5] == ["chr1", "5", "17", "chr1:5-17", "1000"]
    columns, _ = predict(f"{networks}:first_ten", {"input": sequences})
    assert columns["yhat_output1"].tolist() == [6, 1, 10]
    uneven = tmp_path / "uneven.fa"
    uneven.write_text(">a\nACGTACGT\n>b\nGG\n")
    answer = done("predict", f"{networks}:gc", uneven)
    assert "1 sequences shorter than 8 bases: padded with N (b)" in answer.err
    assert answer.out.splitlines()[1:] == ["a\t4", "b\t2"]


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        ("likly", 2, "did you mean 'likely'"),
        ("WIDTH", 2, "unknown function"),
        ("", 2, "networks.py:counter"),
        ("flat", 3, "got:      (1,) for an input of (1, 4, 12)"),
        ("breaks", 3, "networks.py:38: the model failed"),
        ("infinite", 3, "3 sequences with others, such as inf"),
        ("unlikely", 3, "probabilities, as its columns begin with p_"),
        ("mixed", 2, "probabilities and values in one model"),
        ("one_too_many", 3, "got:      1 outputs\n  expected: 2: a, b"),
        ("no_network", 3, "a function without arguments returns the network"),
        ("Sized", 2, "a class that needs arguments"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(networks, sequences, tmp_path, function, code, said):
    answer = call("predict", f"{networks}:{function}", sequences, "-o", tmp_path / "x.tsv")
    assert answer.code == code and said in answer.err, answer.err
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_is_an_error_at_its_line(tmp_path, sequences):
    for text, said in (("x = 1\ny = x / 0\n", "bad.py:2: this file fails"), ("def f(:\n", "SyntaxError")):
        (tmp_path / "bad.py").write_text(text)
        answer = call("predict", f"{tmp_path / 'bad.py'}:f", sequences)
        assert answer.code == 3 and said in answer.err, answer.err
    (tmp_path / "bad.py").write_text("import sys\nsys.exit(0)\n")
    assert call("predict", f"{tmp_path / 'bad.py'}:f", sequences).code == 3
    assert call("predict", f"{tmp_path / 'absent.py'}:f", sequences).code == 2
    plain = call("predict", tmp_path / "bad.py", sequences)
    assert plain.code == 3, "a file without a function is run, to name what it holds"


def test_attributes_that_name_nothing_are_refused():
    def network(x: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=2)

    for name, value in (("columns", "abcd"), ("columns", ("a", "a")), ("length", 0), ("length", "long")):
        wrong = nn.Sequential()
        setattr(wrong, name, value)
        with pytest.raises(UsageError, match=r"not names|twice|not a length"):
            resolve_model(wrong)
    own = resolve_model(network)
    assert isinstance(own, OwnModel) and resolve_model(own) is own


def test_explanations_of_networks_and_of_callables(networks, tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "x.fa"
    path.write_text("".join(f">s{row}\n{''.join(rng.choice(list('ACGT'), 30))}\n" for row in range(6)))
    used = {}
    for name in ("counter", "gc", "in_numpy"):
        folder = tmp_path / name
        done("explain", f"{networks}:{name}", path, "-o", folder, "--seconds", 1)
        with np.load(folder / "attributions.npz") as found:
            used[name] = str(found["method"])
            signed = np.where((found["codes"] == 1) | (found["codes"] == 2), 1, -1)
            assert (np.sign(np.round(found["scores"], 6)) * signed >= 0).all(), (
                "G and C raise the output, A and T lower it"
            )
            assert str(found["target"]) == ("gc" if name == "counter" else "output1")
    assert used["in_numpy"] == "ism" and "ism" not in (used["counter"], used["gc"])
    done("explain", f"{networks}:counter", path, "-o", tmp_path / "t", "--target", "length", "--seconds", 1)
    with np.load(tmp_path / "t" / "attributions.npz") as found:
        assert str(found["target"]) == "length" and found["output"].tolist() == [30] * 6
    answer = call("explain", f"{networks}:counter", path, "-o", tmp_path / "u", "--target", "lenght")
    assert answer.code == 2 and "did you mean 'length'" in answer.err
    with pytest.raises(InputError, match="the model failed"):
        explain(f"{networks}:breaks", {"input": path}, output=tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


def test_the_documented_adapter_runs(tmp_path, sequences):
    page = (Path(__file__).parents[2] / "docs/concepts/models.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    (tmp_path / "adapter.py").write_text(code)
    held: dict = {}
    exec(compile(code, "adapter.py", "exec"), held)
    torch.manual_seed(0)
    network = held["build"]()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    answer = done("predict", f"{tmp_path / 'adapter.py'}:bound", sequences, "--json")
    assert [list(row) for row in answer.json] == [["id", "p_bound"]] * 3
    assert "3 sequences shorter than 200 bases" in answer.err
