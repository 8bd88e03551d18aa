"""Suites as pytest's tests: failures in plain words, tables, and the company of other plugins."""


def test_cases_that_agree_pass(project):
    project.run_session("-k", "bias_relu").assert_outcomes(passed=8)


def test_a_failure_names_case_element_expected_got_and_oracle_without_a_traceback(project):
    result = project.run_session("-k", "wrong and b2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*wrong[[]fp32-b2[]] failed (seed 0): output: the largest error is * allowed *",
            "*first bad element  output[[]0, 0[]]",
            "*expected * (reference in fp32)",
            "*got *",
            "*oracle * (reference in FP64)",
        ]
    )
    result.stdout.no_fnmatch_line("*runtest*")


def test_x_stops_at_the_first_failing_case(project):
    project.run_session("-x", "-k", "wrong").assert_outcomes(failed=1)


def test_without_benchmark_no_tables_are_printed(project):
    project.run_session("-k", "bias_relu").stdout.no_fnmatch_line("*times modelled*")


def test_benchmark_prints_a_table_a_suite(project):
    result = project.run_session("--benchmark", "-k", "bias_relu and fp16")
    result.stdout.fnmatch_lines(
        [
            "bias_relu on vgpu:T4, Tesla T4 (virtual), seed 0, times modelled",
            "*case*dtype*equal*max error*launches*wall*busy*idle*gaps*",
            "*fp16-b1-s4 *yes*2 → 1*16.0 → 8.0*2.00x*",
            "4 of 4 cases equal; geometric mean speedup: wall 2.00x, busy 2.00x",
        ]
    )


def test_benchmark_compares_all_variants_below(project):
    result = project.run_session("--benchmark", "-k", "bias_relu and fp16 and b1-s4")
    result.stdout.fnmatch_lines(
        [
            "*case*variant*launches*submissions*wall*busy*idle*largest gap*",
            "*fp16-b1-s4 *naive eager * 2 * 2 *16.0 *1.00x*",
            "*naive, CUDA graph * 2 * 1 *8.0 *2.00x*",
            "*fused * 1 * 1 *8.0 *2.00x*",
            "*fused, CUDA graph * 1 * 1 *4.0 *4.00x*",
        ]
    )


def test_variants_none_leaves_their_table_out(project):
    result = project.run_session("--benchmark", "--variants=none", "-k", "bias_relu and fp16 and b1-s4")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*CUDA graph*")


def test_an_unknown_variant_is_one_sentence(project):
    result = project.run_session("--benchmark", "--variants=fast")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --variants takes graph, compile, all or none, not 'fast'"])


def test_a_wrong_number_of_launches_fails(project):
    project.makepyfile(
        test_more="""
        import torch
        from harness.suite import suite
        from harness.sweep import Sweep

        @suite(fused=torch.neg, reference=torch.neg, launches=2, sweep=Sweep(batch=3, dtype="fp32"))
        def negated(case):
            return case.randn(case.batch)
        """
    )
    result = project.run_session("--benchmark", "-k", "negated")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the fused function launched 1 kernels, not 2"])


def test_the_seed_is_in_tables_and_failures(project):
    result = project.run_session("--benchmark", "--seed=7", "-k", "b1 and not fp16")
    result.stdout.fnmatch_lines(["*failed (seed 7)*", "bias_relu on *, seed 7, *"])


def test_xdist_s_workers_hand_their_results_to_the_controller(project):
    result = project.run_session("-n2", "--benchmark", "-k", "bias_relu", processes=True)
    result.assert_outcomes(passed=8)
    rows = [line.split()[1] for line in result.outlines if "│ fp" in line and "→" in line]
    assert rows == [f"{dtype}-b{batch}-s{seq}" for dtype in ("fp16", "fp32") for batch in (1, 8) for seq in (4, 16)]


def test_pytest_benchmark_and_its_options_keep_working(project):
    project.makepyfile(test_speed="def test_speed(benchmark): benchmark(sum, [1, 2])")
    result = project.run_session("--benchmark", "--benchmark-min-rounds=1", "--benchmark-max-time=0.01")
    result.assert_outcomes(passed=9, failed=2)
    result.stdout.fnmatch_lines_random(["*benchmark: 1 tests*", "bias_relu on vgpu:T4*"])


def test_benchmark_only_of_pytest_benchmark_skips_cases(project):
    project.makepyfile(test_speed="def test_speed(benchmark): benchmark(sum, [1, 2])")
    result = project.run_session("--benchmark-only", "--benchmark-max-time=0.01")
    result.assert_outcomes(passed=1, skipped=10)
