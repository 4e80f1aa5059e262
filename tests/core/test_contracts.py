"""What is asked for by `isinstance`: who offers it, and who does not."""

from types import SimpleNamespace

import pytest

import tfcompress as tfc
from tfcompress.core import contracts
from tfcompress.core.contracts import data_in, layers_of_fit, needs_of, resolved

DIGITS = tfc.Digits(num_examples=32)
FIT = tfc.KerasFit(DIGITS, epochs=1)
TAUGHT = tfc.distilled(FIT, ("large", "small"))


def bare(model, callbacks=()):
    """A way of fitting that offers nothing more."""


@pytest.mark.parametrize(
    ("contract", "offers", "does_not"),
    [
        (contracts.FitWithData, FIT, TAUGHT),
        (contracts.FitAroundFit, TAUGHT, FIT),
        (contracts.FitOnReplicas, FIT, TAUGHT),
        (contracts.FitWithViews, FIT, TAUGHT),
        (contracts.NeedsStages, TAUGHT, FIT),
        (contracts.NeedsStages, tfc.Refit("large"), tfc.Train()),
        (contracts.TrustedStart, tfc.ModelFile("model.keras"), tfc.Pretrained()),
        (contracts.DataWithScalings, tfc.ImageFolder("photos", (8, 8, 3)), DIGITS),
        (contracts.CheckWithNeeds, tfc.GpuDelegate(), tfc.CpuXnnpack()),
        (contracts.ResumableCallback, SimpleNamespace(resumed=print), FIT),
        (contracts.DataWithClassNames, SimpleNamespace(class_names=("cat", "dog")), DIGITS),
    ],
)
def test_who_offers_what(contract, offers, does_not):
    assert isinstance(offers, contract)
    assert not isinstance(does_not, contract) and not isinstance(bare, contract)


def test_a_distiller_is_a_taught_model_and_its_student_is_none():
    student = tfc.simple_cnn(DIGITS.input_shape, width=1)
    assert isinstance(tfc.Distiller(student, student, tfc.SoftTargets()), contracts.TaughtModel)
    assert not isinstance(student, contracts.TaughtModel)


def test_data_is_found_under_every_wrapping_of_a_fit():
    watched = SimpleNamespace(fit=TAUGHT)
    assert list(layers_of_fit(watched)) == [watched, TAUGHT, FIT]
    assert data_in(watched) is DIGITS
    assert data_in(bare) is None and data_in(None) is None


def test_stages_are_asked_for_by_fits_and_techniques_and_put_in():
    assert needs_of(tfc.Refit("large"), TAUGHT, FIT, None) == ("large", "small")
    models = {"large": object(), "small": object()}
    assert resolved(TAUGHT, models).teacher == tuple(models.values())
    assert resolved(tfc.Refit("large"), models).teacher is models["large"]
    assert resolved(FIT, models) is FIT and resolved(None, models) is None
