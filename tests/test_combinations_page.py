"""The page of combinations is what its rows make, and so is the table that the plan of a recipe reads."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "combinations_rows.jsonl"
ABOUT = {"epochs": 3, "versions": {}, "machine": {}}


@pytest.fixture
def combinations(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("combinations")


@pytest.fixture
def made(combinations):
    return combinations.combinations_page


def row(chain, seed=0, accuracy=0.6, zipped=1000, promises=(), **figures):
    files = {mode: {"accuracy": accuracy, "zipped": zipped, "raw": zipped} for mode in ("float32", "int8")}
    others = {"zeros": 0.0, "values": 255, "codes": 255, "macs": 1_700_000, "of_the_model": [], **figures}
    return {"chain": chain, "seed": seed, "files": files, "promises": list(promises), **others}


def zeros(measured, promised=0.8):
    return {"kind": "sparsity", "promised": promised, "measured": measured, "kept": measured >= promised}


ALONE = row("zeros", promises=[zeros(0.8)], zeros=0.8, zipped=400)


def test_the_page_and_the_table_are_what_the_rows_make(combinations, made):
    rows = made.read_rows(ROWS)
    assert made.PAGE.read_text() == made.page(rows, combinations.CHAINS, made.about(ROWS))
    assert made.PATH.read_text() == made.table_text(rows)


def test_a_row_has_the_mean_over_the_seeds_and_what_is_lost(made):
    rows = [row("", accuracy=0.7), row("zeros > training", 0, 0.6, promises=[zeros(0.1)], zeros=0.1)]
    rows += [row("", 1, accuracy=0.7), row("zeros > training", 1, 0.62, promises=[zeros(0.3)], zeros=0.3)]
    found = made.page(rows, ["", "zeros > training", "QAT"], ABOUT).splitlines()
    points = "-9.0 (-10.0, -8.0)"
    assert f"| zeros > training | {points} | 1,000 | {points} | 1,000 | 20 % | 255 | 255 | 1.70 | sparsity |" in found
    assert "| QAT | not run | | | | | | | | |" in found
    assert any("Means of 2 seeds (least, largest). 1 of 3 chains have fewer, or none." in each for each in found)


def test_what_a_technique_refuses_is_a_row_and_an_order(made):
    rows = [row(""), {"chain": "QAT > zeros", "seed": 0, "refused": "PruneLowMagnitude expects a layer ..."}]
    assert "| QAT > zeros | cannot be done | | | | | | | | |" in made.page(rows, ["QAT > zeros"], ABOUT)
    (order,) = json.loads(made.table_text(rows))["orders"]
    assert (order["kind"], order["by"], order["left"]) == ("int8 ranges", "PruneLowMagnitude", None)


def test_an_order_has_what_was_promised_and_what_is_left(made):
    lost = row("zeros > training", promises=[zeros(0.1)], zipped=900)
    (order,) = json.loads(made.table_text([row(""), ALONE, lost]))["orders"]
    assert (order["promised"], order["left"]) == (0.8, 0.1)
    assert (order["zipped_bytes"], order["keeping_zipped_bytes"]) == (900, 400)


def test_of_two_promises_of_zeros_the_larger_one_counts(made):
    fewer = row("zeros > fewer zeros", promises=[zeros(0.5, 0.5)], of_the_model=[zeros(0.5), zeros(0.5, 0.5)])
    (order,) = json.loads(made.table_text([row(""), ALONE, fewer]))["orders"]
    assert (order["promised"], order["left"], order["less"]) == (0.8, 0.5, "final_sparsity")


def test_a_rule_stands_on_the_page_only_with_its_chains(made):
    fewer = row("zeros > fewer zeros", promises=[zeros(0.5, 0.5)], zeros=0.5)
    page = made.page([row(""), fewer], [""], ABOUT)
    assert "1. **Prune once, or more each time.** `final_sparsity=0.5` after 0.8" in page
    assert "50 % are left" in page and "**QAT last.**" not in page


def test_every_cited_chain_is_measured(combinations, made):
    assert set(made.CITED.values()) <= set(combinations.CHAINS)
    assert {chain for order in made.ORDERS for chain in order[2:4] if chain} <= set(combinations.CHAINS)
