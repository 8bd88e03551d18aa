// Functions with several results, or with integers among them; classification.

extern "C" __global__ void parts(float *numbers, int *integers, const float *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = in[i], whole, sine, cosine, *row = numbers + 8 * i;
    int *whole_row = integers + 8 * i;
    row[0] = frexpf(x, &whole_row[0]);
    row[1] = modff(x, &whole);
    row[2] = whole;
    sincosf(x, &sine, &cosine);
    row[3] = sine * sine + cosine * cosine;
    row[4] = ldexpf(x, i % 40 - 20);
    row[5] = scalbnf(x, i % 300 - 150);
    row[6] = remquof(x, 0.75f, &whole_row[1]);
    whole_row[1] &= 7;
    row[7] = fmaf(x, x, -1.0f);
    whole_row[2] = isnan(x) + 2 * isinf(x) + 4 * !!signbit(x) + 8 * isfinite(x);
    whole_row[3] = lrintf(x);
    whole_row[4] = static_cast<int>(lroundf(x));
    whole_row[5] = ilogbf(x);
    whole_row[6] = __float_as_int(fabsf(x));
    whole_row[7] = x < 1.0f && x > -1.0f;
}
