import numpy as np

import tfcompress as tfc


def test_inputs_and_outputs_stay_float32(trained, export):
    _, file = export(trained, tfc.DynamicRange())
    assert (file.input["dtype"], file.output["dtype"]) == (np.float32, np.float32)


def test_the_two_large_kernels_take_a_byte_a_weight(trained, export):
    small, whole = export(trained, tfc.DynamicRange())[0], export(trained, tfc.Float32())[0]
    # conv2 3*3*16*32 and dense1 128*64 lose three bytes each weight; a scale a channel comes on top
    saved = 3 * (4_608 + 8_192)
    assert saved - 3_000 < whole.raw_bytes - small.raw_bytes <= saved


def test_its_answers_are_nearly_those_of_keras(trained, export, seen, keras_answers):
    _, file = export(trained, tfc.DynamicRange())
    answers = file.answers(seen)
    assert (answers.argmax(-1) == keras_answers.argmax(-1)).mean() >= 0.99
    assert np.abs(answers - keras_answers).max() < 0.1 * np.abs(keras_answers).max()
    assert (answers != keras_answers).any()  # it did quantize


def test_it_needs_no_calibration(trained, tmp_path):
    tfc.DynamicRange().convert(trained, None, tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").exists()
