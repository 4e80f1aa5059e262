import numpy as np

import tfcompress as tfc


def test_inputs_and_outputs_are_float32(trained, export):
    _, file = export(trained, tfc.Float32())
    assert (file.input["dtype"], file.output["dtype"]) == (np.float32, np.float32)


def test_its_answers_are_those_of_keras_but_for_rounding(trained, export, seen, keras_answers):
    _, file = export(trained, tfc.Float32())
    np.testing.assert_allclose(file.answers(seen), keras_answers, atol=1e-4)


def test_its_size_is_four_bytes_a_parameter_and_the_graph(trained, export):
    artifact, _ = export(trained, tfc.Float32())
    # conv1 160, conv2 4,640, dense1 128*64 + 64, logits 650
    weights = 4 * (160 + 4_640 + 8_256 + 650)
    assert weights < artifact.raw_bytes < weights + 6_000


def test_a_quantization_aware_model_answers_alike(aware, export, seen):
    _, file = export(aware, tfc.Float32())
    expected = aware(seen).numpy()
    assert (file.answers(seen).argmax(-1) == expected.argmax(-1)).mean() >= 0.99
