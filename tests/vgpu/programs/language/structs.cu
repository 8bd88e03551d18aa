// Structs by value: as kernel parameters, arguments and results, with nesting, arrays, bit fields and unions.

struct Vector {
    float x, y, z;
    __host__ __device__ Vector operator+(const Vector &o) const { return {x + o.x, y + o.y, z + o.z}; }
    __host__ __device__ Vector operator*(float s) const { return {x * s, y * s, z * s}; }
};

struct Body {
    Vector place, speed;
    double mass;
    char tag;
    short marks[3];
};

struct Settings {
    float step;
    int count;
    Vector wind;
    unsigned char flags[5];
};

__device__ __noinline__ Body moved(Body body, Settings settings, int times) {
    for (int i = 0; i < times; i++) {
        body.place = body.place + body.speed * settings.step;
        body.speed = body.speed + settings.wind * (settings.step / static_cast<float>(body.mass));
    }
    body.tag += settings.flags[times % 5];
    body.marks[times % 3] = static_cast<short>(-times);
    return body;
}

extern "C" __global__ void move(Body *bodies, const __grid_constant__ Settings settings) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < settings.count) bodies[i] = moved(bodies[i], settings, i % 7);
}

union Word {
    float number;
    unsigned bits;
    struct {
        unsigned fraction : 23;
        unsigned exponent : 8;
        unsigned sign : 1;
    } parts;
    unsigned char bytes[4];
};

struct Packed {
    unsigned long long low : 13, middle : 37, high : 14;
    signed int small : 5;
};

extern "C" __global__ void take_apart(unsigned *out, const float *in, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    Word word = {in[i]};
    out[4 * i] = word.parts.exponent + (word.parts.sign << 16);
    word.parts.sign ^= 1;
    word.parts.exponent += 1;
    out[4 * i + 1] = word.bits;
    out[4 * i + 2] = word.bytes[i % 4];
    Packed packed = {word.bits, 0x1234567890ull * i, 77u + i, i - 16};
    packed.middle += packed.low;
    packed.small -= 3;
    out[4 * i + 3] = static_cast<unsigned>(packed.middle ^ packed.high) + packed.small;
}
