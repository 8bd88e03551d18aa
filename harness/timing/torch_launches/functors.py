"""Elementwise operators and what one element of each costs.

One row: operators, the functor as profilers show it, the source, FP32 and special-function instructions an element
(estimates; halves are computed in float). Which kernel template carries the functor is pointwise.py's matter.
"""

from __future__ import annotations

from dataclasses import dataclass

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"


@dataclass(frozen=True, slots=True)
class Functor:
    """What one element costs: FP32 instructions (halves are computed in float) and special-function instructions."""

    name: str
    source: str
    fp32: int = 1
    sfu: int = 0


def _functors(*rows: tuple) -> dict[str, Functor]:
    return {
        name: Functor(functor, _CUDA + source, *cost)
        for names, functor, source, *cost in rows
        for name in names.split()
    }


ARITHMETIC = _functors(
    ("mul", "MulFunctor", "BinaryMulKernel.cu"),
    ("div", "DivFunctor", "BinaryDivTrueKernel.cu", 8, 1),
    ("floor_divide", "div_floor_kernel_cuda", "BinaryDivFloorKernel.cu", 12, 1),
    ("remainder fmod", "remainder_kernel_cuda", "BinaryRemainderKernel.cu", 14, 1),
    ("pow", "pow_tensor_scalar_kernel_impl", "PowKernel.cu", 2, 0),
    ("maximum minimum fmax fmin", "maximum_kernel_cuda", "MaxMinElementwiseKernel.cu"),
    ("atan2", "atan2_kernel_cuda", "BinaryGeometricKernels.cu", 30, 1),
    ("hypot", "hypot_kernel_cuda", "BinaryGeometricKernels.cu", 10, 1),
    ("copysign", "copysign_kernel_cuda", "CopysignKernel.cu"),
    ("heaviside nextafter", "heaviside_kernel_cuda", "StepKernel.cu"),
    ("logaddexp logaddexp2", "logaddexp_kernel_cuda", "LogAddExpKernel.cu", 24, 2),
    ("xlogy special_xlog1py", "xlogy_kernel_cuda", "BinaryMiscOpsKernels.cu", 16, 1),
    ("gcd lcm", "gcd_kernel_cuda", "GcdLcmKernel.cu", 0, 0),
    ("addcmul addcdiv", "addcmul_cuda_kernel", "PointwiseOpsKernel.cu", 3),
    ("lerp", "lerp_tensor_kernel", "Lerp.cu", 3),
    ("where", "where_kernel_impl", "TensorCompare.cu"),
    ("_prelu_kernel", "prelu_kernel", "ActivationPreluKernel.cu", 2),
    ("linalg_cross", "launch_cross_kernel", "CrossKernel.cu", 4),
    ("polar complex", "complex_kernel_cuda", "ComplexKernel.cu", 2),
)
ADDITION = {name: Functor("CUDAFunctor_add", _NATIVE + "ufunc/add.h") for name in ("add", "sub", "rsub")}
NOT_A_NUMBER = {"isnan": Functor("CompareEqFunctor", _NATIVE + "TensorCompare.cpp")}
COMPARISON = _functors(
    ("eq ne", "CompareEqFunctor", "CompareEQKernel.cu"),
    ("lt le gt ge", "CompareFunctor", "CompareKernels.cu"),
    ("isposinf isneginf", "isposinf_kernel_impl", "TensorCompare.cu"),
    ("logical_and logical_or logical_xor", "logical_and_kernel_cuda", "BinaryLogicalOpsKernels.cu"),
    ("logical_not", "logical_not_kernel_cuda", "UnarySignKernels.cu"),
    ("bitwise_and bitwise_or bitwise_xor __and__ __or__ __xor__", "BitwiseAndFunctor", "BinaryBitwiseOpsKernels.cu", 0),
    (
        "bitwise_left_shift bitwise_right_shift __lshift__ __rshift__",
        "lshift_kernel_cuda",
        "BinaryShiftOpsKernels.cu",
        0,
    ),
    ("bitwise_not", "bitwise_not_kernel_cuda", "UnaryOpsKernel.cu", 0),
    ("clamp clamp_min clamp_max relu", "launch_clamp_scalar", "TensorCompare.cu", 2),
)
UNARY = _functors(
    ("neg", "neg_kernel_cuda", "UnarySignKernels.cu"),
    ("sign sgn signbit", "sign_kernel_cuda", "UnarySignKernels.cu", 2),
    ("abs", "AbsFunctor", "AbsKernel.cu"),
    ("exp exp2", "exp_kernel_cuda", "UnaryOpsKernel.cu", 3, 1),
    ("expm1", "expm1_kernel_cuda", "UnaryOpsKernel.cu", 10, 1),
    ("sqrt", "sqrt_kernel_cuda", "UnaryOpsKernel.cu", 6, 1),
    ("rsqrt", "rsqrt_kernel_cuda", "UnaryOpsKernel.cu", 3, 1),
    ("nan_to_num", "nan_to_num_kernel_cuda", "UnaryOpsKernel.cu", 4),
    ("log log2 log10 log1p", "log_kernel_cuda", "UnaryLogKernels.cu", 12, 0),
    ("reciprocal floor ceil round trunc frac", "reciprocal_kernel_cuda", "UnaryFractionKernels.cu", 4, 1),
    ("sin", "sin_kernel_cuda", "UnaryGeometricSinKernel.cu", 16, 0),
    ("cos", "cos_kernel_cuda", "UnaryGeometricCosKernel.cu", 16, 0),
    ("tan", "tan_kernel_cuda", "UnaryGeometricTanKernel.cu", 24, 1),
    ("asin acos", "asin_kernel_cuda", "UnaryGeometricAsinKernel.cu", 16, 1),
    ("atan", "atan_kernel_cuda", "UnaryGeometricAtanKernel.cu", 16, 1),
    ("sinh cosh", "sinh_kernel_cuda", "UnaryGeometricSinhKernel.cu", 14, 2),
    ("asinh acosh atanh", "asinh_kernel_cuda", "UnaryGeometricAsinhKernel.cu", 20, 1),
    ("tanh", "tanh_kernel_cuda", "UnaryGeometricTanhKernel.cu", 10, 2),
    ("erf erfc erfinv", "erf_kernel_cuda", "UnarySpecialOpsKernel.cu", 20, 1),
    ("sigmoid", "sigmoid_kernel_cuda", "UnarySpecialOpsKernel.cu", 6, 2),
    ("logit", "logit_kernel_cuda", "UnarySpecialOpsKernel.cu", 14, 1),
    ("lgamma digamma polygamma", "lgamma_kernel_cuda", "UnaryGammaKernels.cu", 60, 2),
    ("sinc i0", "sinc_kernel_cuda", "UnarySpecialOpsKernel.cu", 20, 1),
)
ACTIVATION = _functors(
    ("gelu", "GeluCUDAKernelImpl", "ActivationGeluKernel.cu", 24, 2),
    ("silu", "silu_kernel", "ActivationSiluKernel.cu", 6, 2),
    ("mish", "mish_kernel", "ActivationMishKernel.cu", 20, 3),
    ("softplus", "softplus_kernel", "ActivationSoftplusKernel.cu", 20, 2),
    ("threshold", "threshold_kernel_impl", "ActivationThresholdKernel.cu"),
    ("leaky_relu", "leaky_relu_kernel", "ActivationLeakyReluKernel.cu", 2),
    ("elu", "elu_kernel", "ActivationEluKernel.cu", 12, 1),
    ("hardtanh", "launch_clamp_scalar", "TensorCompare.cu", 2),
    ("hardswish", "hardswish_kernel", "ActivationHardswishKernel.cu", 4),
    ("hardsigmoid", "hardsigmoid_kernel", "ActivationHardsigmoidKernel.cu", 4),
    ("hardshrink", "hardshrink_kernel", "ActivationHardshrinkKernel.cu", 2),
    ("softshrink", "softshrink_kernel", "ActivationSoftshrinkKernel.cu", 2),
    ("glu", "glu_kernel", "ActivationGluKernel.cu", 8, 2),
    ("log_sigmoid_forward", "log_sigmoid_forward_kernel", "ActivationLogSigmoidKernel.cu", 16, 1),
)
BACKWARD = _functors(
    ("threshold_backward", "threshold_kernel_impl", "ActivationThresholdKernel.cu"),
    ("sigmoid_backward", "sigmoid_backward_kernel_cuda", "BinaryMiscBackwardOpsKernels.cu", 3),
    ("tanh_backward", "tanh_backward_kernel_cuda", "BinaryMiscBackwardOpsKernels.cu", 3),
    ("logit_backward", "logit_backward_kernel_cuda", "BinaryMiscBackwardOpsKernels.cu", 8, 1),
    ("gelu_backward", "GeluBackwardCUDAKernelImpl", "ActivationGeluKernel.cu", 34, 2),
    ("silu_backward", "silu_backward_kernel", "ActivationSiluKernel.cu", 10, 2),
    ("mish_backward", "mish_backward_kernel", "ActivationMishKernel.cu", 28, 3),
    ("softplus_backward", "softplus_backward_kernel", "ActivationSoftplusKernel.cu", 8, 2),
    ("leaky_relu_backward", "leaky_relu_backward_kernel", "ActivationLeakyReluKernel.cu", 2),
    ("elu_backward", "elu_backward_kernel", "ActivationEluKernel.cu", 12, 1),
    ("hardtanh_backward", "hardtanh_backward_kernel", "ActivationHardtanhKernel.cu", 2),
    ("hardswish_backward", "hardswish_backward_kernel", "ActivationHardswishKernel.cu", 5),
    ("hardsigmoid_backward", "hardsigmoid_backward_kernel", "ActivationHardsigmoidKernel.cu", 3),
    ("hardshrink_backward", "shrink_backward_kernel", "ActivationHardshrinkKernel.cu", 2),
    ("softshrink_backward", "shrink_backward_kernel", "ActivationSoftshrinkKernel.cu", 2),
    ("log_sigmoid_backward", "log_sigmoid_backward_kernel", "ActivationLogSigmoidKernel.cu", 14, 1),
    ("native_dropout_backward", "masked_scale_kernel", "Dropout.cu", 2),
    ("mse_loss_backward", "mse_backward_cuda_kernel", "PointwiseOpsKernel.cu", 3),
    ("smooth_l1_loss_backward", "smooth_l1_backward_cuda_kernel", "PointwiseOpsKernel.cu", 5),
    ("huber_loss_backward", "huber_backward_cuda_kernel", "PointwiseOpsKernel.cu", 5),
    ("binary_cross_entropy_backward", "binary_cross_entropy_backward_out_kernel", "Loss.cu", 12, 1),
)
FUNCTORS = ADDITION | ARITHMETIC | COMPARISON | NOT_A_NUMBER | UNARY | ACTIVATION | BACKWARD

FILL = Functor("FillFunctor", _CUDA + "FillKernel.cu", 0)
COPY = Functor("direct_copy_kernel_cuda", _CUDA + "Copy.cu", 0)
MASKED_FILL = Functor("masked_fill_kernel", _CUDA + "Indexing.cu")
MSE = Functor("mse_kernel_cuda", _CUDA + "BinaryMiscOpsKernels.cu", 2)
SMOOTH_L1 = Functor("smooth_l1_kernel_cuda", _CUDA + "BinaryMiscOpsKernels.cu", 5)
HUBER = Functor("huber_kernel_cuda", _CUDA + "BinaryMiscOpsKernels.cu", 5)
BCE = Functor("binary_cross_entropy_out_kernel", _CUDA + "Loss.cu", 30)
