"""When two kernels count as the same."""

from pathlib import Path

from harness.mutation.ptx import compile_ptx, fingerprints

ENTRY = ".visible .entry {name}(\n\t.param .u64 p\n)\n{{\n{body}\n\tret;\n}}\n"
SOURCE = """
template <int N> __global__ void k(float* out, int n)
{
    __shared__ float part[N];
    part[threadIdx.x] = out[threadIdx.x];
    __syncthreads();
    if (threadIdx.x < n) out[threadIdx.x] = part[N - 1 - threadIdx.x] * N;
}
"""


def print_of(body: str, above: str = "") -> str:
    return fingerprints(above + ENTRY.format(name="k", body=body))["k"]


def test_numbers_in_labels_do_not_count():
    assert print_of("$L__BB0_2:") == print_of("$L__BB7_2:")
    assert print_of("$L__BB0_2:") != print_of("$L__BB0_3:")


def test_the_order_of_the_terms_of_a_sum_does_not_count():
    assert print_of("\tadd.f32 \t%f1, %f2, %f3;") == print_of("\tadd.f32 \t%f1, %f3, %f2;")
    assert print_of("\tfma.rn.f32 \t%f1, %f2, %f3, %f4;") == print_of("\tfma.rn.f32 \t%f1, %f3, %f2, %f4;")


def test_the_order_of_a_difference_or_of_an_addend_counts():
    assert print_of("\tsub.f32 \t%f1, %f2, %f3;") != print_of("\tsub.f32 \t%f1, %f3, %f2;")
    assert print_of("\tfma.rn.f32 \t%f1, %f2, %f3, %f4;") != print_of("\tfma.rn.f32 \t%f1, %f4, %f3, %f2;")


def test_a_variable_counts_for_the_kernels_that_name_it():
    one, other = ".const .f32 c = 1;\n", ".const .f32 c = 2;\n"
    assert print_of("\tld.const.f32 \t%f1, [c];", one) != print_of("\tld.const.f32 \t%f1, [c];", other)
    assert print_of("\tmov.f32 \t%f1, %f2;", one) == print_of("\tmov.f32 \t%f1, %f2;", other)


def test_a_kernel_is_the_same_alone_and_beside_others_in_any_folder(tmp_path):
    paths = [tmp_path / "one" / "a.cu", tmp_path / "other" / "deeper" / "a.cu"]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(SOURCE)
    alone = compile_ptx(paths[0], ["k<3>"], (7, 5)).fingerprints
    together = compile_ptx(paths[1], ["k<2>", "k<3>", "k<4>"], (7, 5)).fingerprints
    assert alone["k<3>"] == together["k<3>"]
    assert len(set(together.values())) == 3


def test_the_unit_has_the_parameters_of_its_kernels(tmp_path):
    path = Path(tmp_path / "a.cu")
    path.write_text(SOURCE)
    entry = compile_ptx(path, ["k<3>"], (7, 5)).unit.entries["k<3>"]
    assert [parameter.type for parameter in entry.parameters] == ["u64", "u32"]
