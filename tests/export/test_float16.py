import numpy as np

import tfcompress as tfc
from tfcompress.measuring import tflite


def test_inputs_and_outputs_stay_float32(trained, export):
    _, file = export(trained, tfc.Float16())
    assert (file.input["dtype"], file.output["dtype"]) == (np.float32, np.float32)


def test_every_kernel_is_stored_in_two_bytes(trained, export):
    artifact, _ = export(trained, tfc.Float16())
    assert {kernel.values.dtype for kernel in tflite.read(artifact.path).kernels} == {np.dtype("float16")}


def test_it_is_half_of_float32(trained, export):
    half, whole = export(trained, tfc.Float16())[0], export(trained, tfc.Float32())[0]
    # 13,706 parameters lose two bytes each; widening them back costs some bytes of graph
    assert 2 * 13_706 - 3_000 < whole.raw_bytes - half.raw_bytes <= 2 * 13_706


def test_its_answers_are_those_of_keras_with_rounded_weights(trained, export, seen):
    from tfcompress.models_io.copying import copy_model

    _, file = export(trained, tfc.Float16())
    rounded = copy_model(trained)
    rounded.set_weights([weight.astype("float16").astype("float32") for weight in trained.get_weights()])
    np.testing.assert_allclose(file.answers(seen), rounded(seen).numpy(), atol=1e-4)
