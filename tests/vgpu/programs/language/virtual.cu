// Virtual functions: every lane of a warp calls another override; objects live in local and in global memory.

struct Shape {
    __device__ virtual float area() const = 0;
    __device__ virtual int corners() const { return 0; }
    __device__ virtual ~Shape() {}
};

struct Circle : Shape {
    float radius;
    __device__ explicit Circle(float r) : radius(r) {}
    __device__ float area() const override { return 3.0f * radius * radius; }
};

struct Box : Shape {
    float width, height;
    __device__ Box(float w, float h) : width(w), height(h) {}
    __device__ float area() const override { return width * height; }
    __device__ int corners() const override { return 4; }
};

struct Square final : Box {
    __device__ explicit Square(float side) : Box(side, side) {}
    __device__ float area() const override { return Box::area() + 0.5f; }
};

struct Named {
    int name;
    __device__ virtual int label() const { return name; }
};

struct NamedBox : Box, Named {
    __device__ NamedBox(float w, float h, int n) : Box(w, h) { name = n; }
    __device__ int corners() const override { return 40; }
    __device__ int label() const override { return name + corners(); }
};

__device__ __noinline__ float measure(const Shape &shape) { return shape.area() + 100.0f * shape.corners(); }

extern "C" __global__ void local_objects(float *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Circle circle(i);
    Box box(i, 2);
    Square square(i);
    NamedBox named(i, 3, 7);
    const Shape *shapes[] = {&circle, &box, &square, &named};
    out[i] = measure(*shapes[i % 4]);
    const Named &other = named;
    if (i % 4 == 3) out[i] += other.label();
}

extern "C" __global__ void heap_objects(float *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Shape *shape;
    if (i % 3 == 0) shape = new Circle(i);
    else if (i % 3 == 1) shape = new Box(i, i + 1);
    else shape = new Square(i);
    out[i] = measure(*shape);
    delete shape;
}
