"""Models made anew from copies of layers are what Keras makes from their configurations, and share nothing."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.graph.dependencies import channel_graph
from tfcompress.models.mobile_cnn import mobile_cnn
from tfcompress.models.resnet import resnet
from tfcompress.models_io.copying import load_model, save_model
from tfcompress.pruning.removal import cutting, layer_copies
from tfcompress.pruning.removal.removal import remove_channels, remove_groups, spared

layers = keras.layers


def many_kinds():
    """Each kind of layer that is copied once, and some that are not."""
    x = inputs = keras.Input((8, 8, 4))
    options = {"kernel_regularizer": "l2", "kernel_constraint": "max_norm", "kernel_initializer": "he_normal"}
    x = layers.Conv2D(8, 3, padding="same", name="first", **options)(x)
    x = layers.PReLU(shared_axes=[1, 2])(layers.BatchNormalization(gamma_regularizer="l1")(x))
    x = layers.DepthwiseConv2D(3, padding="same", depthwise_regularizer="l2")(layers.ZeroPadding2D()(x))
    y = layers.LeakyReLU()(layers.SeparableConv2D(6, 3, padding="same", pointwise_regularizer="l2")(x))
    y = layers.Conv2DTranspose(8, 1)(layers.Dropout(0.2)(y))
    x = layers.Concatenate()([layers.Add()([x, y]), layers.Activation("relu")(layers.Cropping2D(0)(y))])
    x = layers.AveragePooling2D()(layers.MaxPooling2D(2)(layers.UpSampling2D()(x)))
    gate = layers.Reshape((1, 1, 16))(layers.Dense(16, activation="relu")(layers.GlobalAveragePooling2D()(x)))
    x = layers.Multiply()([x, gate]) * 2.0
    x = layers.Dense(5, activation="relu", bias_regularizer="l2")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Softmax()(layers.Dense(3, name="logits")(x)))


BUILDS = (many_kinds, lambda: resnet(8, (8, 8, 3)), lambda: mobile_cnn((8, 8, 3), width=4))


def third_gone(model):
    graph = channel_graph(model)
    return graph, spared(graph, {int(n) for family in graph.families for n in family.groups[::3]})


def by_keras(monkeypatch):
    """From here on Keras makes all layers, as with a tf_keras of another version; nothing is copied."""
    monkeypatch.setitem(layer_copies.SEEN_WITH, "tf_keras", "2.21.1")
    monkeypatch.setattr(layer_copies, "copied", None)


def answers(model):
    examples = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    return model(examples, training=False).numpy()


def described(node):
    """All that a node tells, with names for objects; what stands for an identity must be one of a tensor at hand."""
    tensors = {str(id(tensor)): tensor for tensor in (*node.keras_inputs, *tf.nest.flatten(node.outputs))}

    def named(value):
        found = getattr(tensors.get(value, value) if isinstance(value, str) else value, "_keras_history", value)
        return (found.layer.name, *found[1:]) if isinstance(found, tuple) else getattr(found, "name", found)

    return tf.nest.map_structure(named, vars(node)), [n.layer.name for n in node.layer.outbound_nodes]


@pytest.mark.parametrize("build", BUILDS)
def test_the_copy_is_what_keras_makes(build, monkeypatch):
    model = build()
    model.get_layer(index=1).trainable = False
    graph, groups = third_gone(model)
    copied = remove_groups(model, graph, groups)
    by_keras(monkeypatch)
    made = remove_groups(model, graph, groups)
    assert copied.get_config() == made.get_config()
    np.testing.assert_array_equal(answers(copied), answers(made))
    for layer, other in zip(copied.layers, made.layers, strict=True):
        assert vars(layer).keys() - {"_auto_config"} == vars(other).keys() - {"_auto_config"}
        assert (layer.input_shape, layer.output_shape) == (other.input_shape, other.output_shape)
        assert layer.trainable == other.trainable
        assert layer.get_build_config() == other.get_build_config()
        specs = [getattr(each.input_spec, "axes", None) for each in (layer, other)]
        assert specs[0] == specs[1]
        assert [w.name for w in layer.weights] == [w.name for w in other.weights]
        assert [w.trainable for w in layer.weights] == [w.trainable for w in other.weights]
        for weight, twin in zip(layer.weights, other.weights, strict=True):
            np.testing.assert_array_equal(weight.numpy(), twin.numpy())
            assert type(weight.constraint) is type(twin.constraint)
            # what saving keeps on objects is made when it is needed
            assert vars(weight).keys() == {name for name in vars(twin) if not name.startswith("_self_")}
            assert weight.handle._handle_data == twin.handle._handle_data
        for node, twin in zip(layer.inbound_nodes, other.inbound_nodes, strict=True):
            if not node.call_kwargs:
                assert described(node) == described(twin)
    np.testing.assert_allclose(sum(copied.losses or [0.0]), sum(made.losses or [0.0]), rtol=1e-6)
    assert len(copied.losses) == len(made.losses) == len(model.losses)


@pytest.mark.parametrize("package", ["tensorflow", "tf_keras"])
def test_with_another_version_nothing_is_copied(package, monkeypatch):
    assert layer_copies.are_possible()
    monkeypatch.setitem(layer_copies.SEEN_WITH, package, "2.21.1")
    assert not layer_copies.are_possible()


def test_common_layers_are_copied(monkeypatch):
    """Or the way of Keras would be compared with itself."""
    made = []
    monkeypatch.setattr(cutting.keras.layers, "deserialize", lambda config: made.append(config["class_name"]))
    model = resnet(8, (8, 8, 3))
    remove_channels(model, {"stem": [0]})
    assert made == []


def test_layers_that_are_not_known_are_made_by_keras():
    class Mine(layers.Dense):
        pass

    layer = Mine(3)
    tensor = keras.Input((2,))
    layer(tensor)
    assert layer_copies.copied(layer, [(weight, None) for weight in layer.weights], {}, (tensor, tensor)) is None
    dense = layers.Dense(3)
    dense(tensor)
    whole = [(weight, None) for weight in dense.weights]
    assert layer_copies.copied(dense, whole, {}, (tensor, tensor)) is not None
    dense.extra = object()  # something that nobody can know how to copy
    assert layer_copies.copied(dense, whole, {}, (tensor, tensor)) is None


def test_nothing_is_shared_with_the_model_that_came_in():
    model = many_kinds()
    before = [weight.numpy() for weight in model.weights]
    graph, groups = third_gone(model)
    smaller = remove_groups(model, graph, groups)
    nodes = [len(layer.inbound_nodes) + len(layer.outbound_nodes) for layer in model.layers]
    assert not {id(layer) for layer in smaller.layers} & {id(layer) for layer in model.layers}
    assert not {id(weight) for weight in smaller.weights} & {id(weight) for weight in model.weights}
    for layer, old in zip(smaller.layers, model.layers, strict=True):
        held = [value for value in vars(old).values() if isinstance(value, (list, dict, set, np.ndarray))]
        assert not {id(value) for value in vars(layer).values()} & {id(value) for value in held}
    smaller.compile("sgd", "mse")
    smaller.fit(np.ones((4, 8, 8, 4), "float32"), np.ones((4, 3), "float32"), verbose=0)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    assert [len(layer.inbound_nodes) + len(layer.outbound_nodes) for layer in model.layers] == nodes


def test_a_copy_trains_and_answers_alone_after_the_model_changed():
    """Where a weight was not cut the two variables begin with one buffer."""
    model = resnet(8, (8, 8, 3))
    smaller = remove_channels(model, {"stage3_block1_conv1": [0]})
    stem = smaller.get_layer("stem").kernel.numpy()
    model.get_layer("stem").kernel.assign_add(tf.ones_like(model.get_layer("stem").kernel))
    np.testing.assert_array_equal(smaller.get_layer("stem").kernel.numpy(), stem)
    smaller.get_layer("stem").kernel.assign_sub(tf.ones_like(stem))
    np.testing.assert_allclose(model.get_layer("stem").kernel.numpy(), stem + 1, rtol=1e-6)


def test_a_copy_is_saved_copied_and_pruned_again(tmp_path):
    model = many_kinds()
    smaller = remove_groups(model, *third_gone(model))
    for path in (tmp_path / "model.keras", tmp_path / "model.h5"):
        save_model(smaller, path)
        np.testing.assert_allclose(answers(load_model(path)), answers(smaller), rtol=1e-6)
    smaller.save(tmp_path / "saved")
    np.testing.assert_allclose(answers(keras.models.load_model(tmp_path / "saved")), answers(smaller), rtol=1e-6)
    again = remove_groups(smaller, *third_gone(smaller))
    assert again.count_params() < smaller.count_params()


def test_a_weight_of_a_copy_can_be_replaced():
    """Keras counts the attributes that hold a weight; tfmot puts tensors in the place of kernels."""
    smaller = remove_channels(resnet(8, (8, 8, 3)), {"stem": [0]})
    layer = smaller.get_layer("stem")
    layer.kernel = tf.constant(layer.kernel.numpy())
    assert not any(weight.name.endswith("kernel:0") for weight in layer.weights)


def test_branches_that_lead_to_no_output_are_kept():
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(x))
    model.add_loss(tf.reduce_mean(layers.Dense(3, name="side")(inputs)))
    smaller = remove_channels(model, {"hidden": [0, 1]})
    assert smaller.get_layer("hidden").units == 6
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]


def test_names_of_several_inputs_and_outputs_stay():
    inputs = {name: keras.Input((4,), name=name) for name in ("left", "right")}
    x = layers.Dense(6, name="dense")(layers.Concatenate()([inputs["right"], inputs["left"]]))
    model = keras.Model(inputs, {"a": layers.Dense(2, name="a")(x), "b": layers.Dense(3, name="b")(x)})
    smaller = remove_channels(model, {"dense": [1]})
    found = smaller({name: np.ones((1, 4), "float32") for name in ("left", "right")})
    assert {name: tuple(value.shape) for name, value in found.items()} == {"a": (1, 2), "b": (1, 3)}
