"""The operations that a graph in a file may call: each computes tensors of tensors, and does nothing else.

A list of names and not of packages, since `math`, `random` and `keras.backend` hold others too: `random.set_seed`,
`keras.backend.eval`, `keras.backend.print_tensor`. Left out are operations that read, write, print, set what outlives
them, or take a function, which a configuration could only name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By TensorFlow's module, names as tf_keras writes them ("math.add"; "" is the top).
_TENSORFLOW = {
    "": """
        approx_top_k argsort batch_to_space bitcast boolean_mask broadcast_dynamic_shape broadcast_static_shape
        broadcast_to cast clip_by_global_norm clip_by_norm clip_by_value concat constant conv convert_to_tensor
        dynamic_partition dynamic_stitch div edit_distance einsum ensure_shape expand_dims extract_volume_patches eye
        fftnd fill fingerprint floor_div gather gather_nd histogram_fixed_width histogram_fixed_width_bins identity
        identity_n ifftnd irfftnd linspace meshgrid norm one_hot ones ones_like pad parallel_stack random_index_shuffle
        range rank realdiv repeat reshape reverse reverse_sequence rfftnd roll scatter_nd searchsorted sequence_mask
        shape shape_n size slice sort space_to_batch space_to_batch_nd split squeeze stack stop_gradient strided_slice
        to_double to_float to_int32 to_int64 tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min
        tensor_scatter_nd_sub tensor_scatter_nd_update tensordot tile transpose truncatediv truncatemod unique
        unique_with_counts unravel_index unstack where zeros zeros_like
    """,
    "__operators__": "add eq getitem ne ragged_getitem",
    "bitwise": "bitwise_and bitwise_or bitwise_xor invert left_shift right_shift",
    "dtypes": "complex saturate_cast",
    "image": """
        adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop
        combined_non_max_suppression convert_image_dtype crop_and_resize crop_to_bounding_box draw_bounding_boxes
        extract_glimpse extract_patches flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients
        non_max_suppression non_max_suppression_overlaps non_max_suppression_padded non_max_suppression_with_scores
        pad_to_bounding_box per_image_standardization psnr random_brightness random_contrast random_crop
        random_flip_left_right random_flip_up_down random_hue random_saturation resize resize_with_crop_or_pad
        resize_with_pad rgb_to_grayscale rgb_to_hsv rgb_to_yiq rgb_to_yuv rot90 sobel_edges ssim ssim_multiscale
        stateless_random_brightness stateless_random_contrast stateless_random_crop stateless_random_flip_left_right
        stateless_random_flip_up_down stateless_random_hue stateless_random_saturation total_variation transpose
        yiq_to_rgb yuv_to_rgb resize_area resize_bicubic resize_bilinear resize_nearest_neighbor
    """,
    "linalg": """
        adjoint band_part banded_triangular_solve cholesky cholesky_solve cross det diag diag_part eig eigh
        eigh_tridiagonal eigvals eigvalsh expm global_norm inv logdet logm lstsq lu lu_matrix_inverse lu_reconstruct
        lu_solve matmul matrix_rank matrix_transpose matvec normalize pinv qr set_diag slogdet solve sqrtm svd
        tensor_diag tensor_diag_part trace triangular_solve tridiagonal_matmul tridiagonal_solve l2_normalize
    """,
    "math": """
        abs accumulate_n acos acosh add add_n angle approx_max_k approx_min_k argmax argmin asin asinh atan atan2 atanh
        bessel_i0 bessel_i0e bessel_i1 bessel_i1e betainc bincount ceil confusion_matrix conj cos cosh count_nonzero
        cumprod cumsum cumulative_logsumexp digamma divide divide_no_nan equal erf erfc erfcinv erfinv exp expm1 floor
        floordiv floormod greater greater_equal igamma igammac imag in_top_k invert_permutation is_finite is_inf is_nan
        is_non_decreasing is_strictly_increasing l2_normalize lbeta less less_equal lgamma log log1p log_sigmoid
        log_softmax logical_and logical_not logical_or logical_xor maximum minimum multiply multiply_no_nan ndtri
        negative nextafter not_equal polygamma polyval pow real reciprocal reciprocal_no_nan reduce_all reduce_any
        reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum
        reduce_variance rint round rsqrt scalar_mul segment_max segment_mean segment_min segment_prod segment_sum
        sigmoid sign sin sinh sobol_sample softmax softplus softsign sqrt square squared_difference subtract tan tanh
        top_k truediv unsorted_segment_max unsorted_segment_mean unsorted_segment_min unsorted_segment_prod
        unsorted_segment_sqrt_n unsorted_segment_sum xdivy xlog1py xlogy zero_fraction zeta
    """,
    "math.special": """
        bessel_j0 bessel_j1 bessel_k0 bessel_k0e bessel_k1 bessel_k1e bessel_y0 bessel_y1 dawsn expint fresnel_cos
        fresnel_sin spence
    """,
    "nn": """
        atrous_conv2d atrous_conv2d_transpose avg_pool avg_pool1d avg_pool2d avg_pool3d
        batch_norm_with_global_normalization batch_normalization bias_add collapse_repeated compute_average_loss conv1d
        conv1d_transpose conv2d conv2d_transpose conv3d conv3d_transpose conv_transpose convolution crelu
        ctc_beam_search_decoder ctc_greedy_decoder ctc_loss ctc_unique_labels depth_to_space depthwise_conv2d dilation2d
        dropout elu embedding_lookup embedding_lookup_sparse erosion2d fractional_avg_pool fractional_max_pool gelu
        isotonic_regression l2_loss leaky_relu local_response_normalization log_poisson_loss log_softmax max_pool
        max_pool1d max_pool2d max_pool3d max_pool_with_argmax moments normalize_moments pool relu relu6
        safe_embedding_lookup_sparse scale_regularization_loss selu separable_conv2d sigmoid_cross_entropy_with_logits
        silu softmax softmax_cross_entropy_with_logits softplus softsign space_to_batch space_to_depth
        sparse_softmax_cross_entropy_with_logits sufficient_statistics swish tanh sigmoid
        weighted_cross_entropy_with_logits weighted_moments
    """,
    "nn.experimental": "general_dropout stateless_dropout",
    "quantization": """
        dequantize fake_quant_with_min_max_args fake_quant_with_min_max_vars fake_quant_with_min_max_vars_per_channel
        quantize quantize_and_dequantize quantize_and_dequantize_v2 quantized_concat
    """,
    "ragged": """
        boolean_mask constant cross cross_hashed range row_splits_to_segment_ids segment_ids_to_row_splits stack
        stack_dynamic_partitions
    """,
    "random": """
        categorical fold_in gamma normal poisson shuffle split stateless_binomial stateless_categorical stateless_gamma
        stateless_normal stateless_parameterized_truncated_normal stateless_poisson stateless_truncated_normal
        stateless_uniform truncated_normal uniform
    """,
    "signal": """
        dct fft fft2d fft3d fftnd fftshift frame hamming_window hann_window idct ifft ifft2d ifft3d ifftnd ifftshift
        inverse_mdct inverse_stft irfft irfft2d irfft3d irfftnd kaiser_bessel_derived_window kaiser_window
        linear_to_mel_weight_matrix mdct mfccs_from_log_mel_spectrograms overlap_and_add rfft rfft2d rfft3d rfftnd
        stft vorbis_window
    """,
    "sparse": """
        add bincount concat cross cross_hashed expand_dims eye fill_empty_rows from_dense mask maximum minimum
        reduce_max reduce_sum reorder reset_shape reshape retain segment_mean segment_sqrt_n segment_sum slice softmax
        sparse_dense_matmul split to_dense to_indicator transpose
    """,
    "strings": """
        as_string bytes_split format join length lower ngrams reduce_join regex_full_match regex_replace split strip
        substr to_hash_bucket to_hash_bucket_fast to_hash_bucket_strong to_number unicode_decode
        unicode_decode_with_offsets unicode_encode unicode_script unicode_split unicode_split_with_offsets
        unicode_transcode unsorted_segment_join upper
    """,
    "keras.activations": """
        elu exponential gelu hard_sigmoid linear mish relu selu sigmoid softmax softplus softsign swish tanh
    """,
    "keras.backend": """
        abs all any arange argmax argmin batch_dot batch_flatten batch_normalization bias_add binary_crossentropy
        binary_focal_crossentropy cast categorical_crossentropy categorical_focal_crossentropy clip concatenate constant
        conv1d conv2d conv2d_transpose conv3d cos cumprod cumsum depthwise_conv2d dot dropout elu equal exp expand_dims
        eye flatten gather greater greater_equal hard_sigmoid in_top_k l2_normalize less less_equal local_conv1d
        local_conv2d log max maximum mean min minimum not_equal one_hot ones ones_like permute_dimensions pool2d pool3d
        pow prod random_bernoulli random_binomial random_normal random_uniform relu repeat repeat_elements reshape
        resize_images resize_volumes reverse round separable_conv2d shape sigmoid sign sin softmax softplus softsign
        sparse_categorical_crossentropy spatial_2d_padding spatial_3d_padding sqrt square squeeze stack std
        stop_gradient sum tanh temporal_padding tile to_dense transpose truncated_normal var zeros zeros_like
    """,
}
TENSORFLOW = frozenset(
    f"{module}.{name}".lstrip(".") for module, names in _TENSORFLOW.items() for name in names.split()
)

# What a ragged or sparse tensor is asked for, by the layer in which tf_keras writes it: the setting and its names.
MEMBERS = {
    "InstanceProperty": (
        "attr_name",
        _names("values flat_values row_splits nested_row_splits indices dense_shape"),
    ),
    "InstanceMethod": (
        "attr_name",
        _names(
            "value_rowids nested_value_rowids nrows row_starts row_limits row_lengths nested_row_lengths "
            "bounding_shape with_values with_flat_values with_row_splits_dtype merge_dims to_tensor to_sparse"
        ),
    ),
    "ClassMethod": (
        "method_name",
        _names(
            "from_value_rowids from_row_splits from_row_lengths from_row_starts from_row_limits "
            "from_uniform_row_length from_nested_value_rowids from_nested_row_splits from_nested_row_lengths "
            "from_tensor from_sparse"
        ),
    ),
}
_FUNCTIONS = ("TFOpLambda", "SlicingOpLambda")
LAYERS = (*_FUNCTIONS, *MEMBERS)

# Classes of keras.ops in a graph of Keras 3.
KERAS_3 = _names(
    """
    Abs Absolute AdaptiveAveragePool AdaptiveMaxPool Add AffineTransform All AllClose Amax Amin Angle
    Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin Argpartition Argsort Array
    ArraySplit Average AveragePool BatchNorm BinaryCrossentropy Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift
    BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo CDist CTCDecode CTCLoss Cast
    CategoricalCrossentropy Cbrt Ceil Celu Cholesky CholeskyInverse Clip Concatenate Conj Conjugate Conv
    ConvTranspose ConvertToTensor Copy Corrcoef Correlate Cos Cosh CountNonzero CropImages Cross Cumprod Cumsum
    Deg2rad DepthToSpace DepthwiseConv Det Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot
    DotProductAttention Dsplit Dstack Eig Eigh Einsum ElasticTransform Elu EmptyLike Equal Erf Erfc Erfinv Exp Exp2
    ExpandDims Expm1 ExtractPatches ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin
    Fmod Fold Full FullLike GaussianBlur Gcd Gelu Geomspace GetItem Glu Greater GreaterEqual HSVToRGB HardShrink
    HardSigmoid HardSilu HardTanh Heaviside Histogram Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag InTopK Inner Inv
    IsIn Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron LayerNorm Lcm Ldexp LeakyRelu LeftShift Less
    LessEqual Linspace Log Log10 Log1p Log2 LogSigmoid LogSoftmax Logaddexp Logaddexp2 Logdet LogicalAnd LogicalNot
    LogicalOr LogicalXor Logspace Logsumexp Lstsq LuFactor MapCoordinates Matmul MatrixRank Max MaxPool Maximum Mean
    Median Meshgrid Min Minimum Mod Moments Moveaxis MultiHot Multiply NanToNum Nanargmax Nanargmin Nancumprod
    Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile Nanstd Nansum Nanvar Ndim Negative
    Nextafter Nonzero Norm Normalize NotEqual OneHot OnesLike Outer PSNR Pad PadImages Percentile
    PerspectiveTransform Pinv Polar Power Prod Ptp Qr Quantile RFFT RGBToGrayscale RGBToHSV RMSNorm Rad2deg Ravel
    Real Rearrange Reciprocal Relu Relu6 Repeat Reshape Resize RightShift Roll Rot90 Round Rsqrt SSIM STFT SVD
    SaturateCast ScaleAndTranslate Scatter ScatterUpdate SearchSorted SegmentMax SegmentMin SegmentProd
    SegmentReduction SegmentSum Select Selu SeparableConv Sigmoid Sign Signbit Silu Sin Sinc Sinh Size Slice
    SliceUpdate Slogdet SobelEdges SoftShrink Softmax Softplus Softsign Solve SolveTriangular Sort SpaceToDepth
    SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Split Sqrt Square Squareplus Squeeze Stack Std
    StopGradient Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh TanhShrink Tensordot Threshold Tile TopK Trace
    Transpose Trapezoid Tril Triu TrueDivide Trunc Unfold Unique UnravelIndex Unstack Vander Var Vdot View
    ViewAsComplex ViewAsReal Vsplit Vstack Where ZerosLike
    """
)


def forbidden_call(layer: str, settings: Any) -> str | None:
    """What a layer that stands for a call would call, when that is more than an operation on tensors; else None.

    >>> forbidden_call("TFOpLambda", {"function": "random.set_seed"})
    'tf.random.set_seed'
    >>> forbidden_call("InstanceMethod", {"attr_name": "to_tensor"})
    """
    key, allowed = ("function", TENSORFLOW) if layer in _FUNCTIONS else MEMBERS[layer]
    settings = settings if isinstance(settings, Mapping) else {}
    name, owner = settings.get(key), settings.get("cls_symbol", "RaggedTensor")
    if not isinstance(name, str):
        return "what its settings do not name"
    is_allowed = name.removeprefix("compat.v1.") in allowed and owner == "RaggedTensor"
    return None if is_allowed else f"tf.{name}" if layer in _FUNCTIONS else f"{name} of a tensor"
