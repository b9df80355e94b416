// Vectors of the widest registers of this CPU, and what the attention does
// with them: powers of two, random bits, products of small matrices.
#pragma once
#include <cstdint>
#include <vector>

#if defined(__AVX512F__)
constexpr int W = 16, ROWS = 12;  // 24 of 32 registers accumulate
#elif defined(__AVX__)
constexpr int W = 8, ROWS = 6;  // 12 of 16
#elif defined(__aarch64__)
constexpr int W = 4, ROWS = 12;
#else
constexpr int W = 4, ROWS = 6;
#endif

typedef float Vec __attribute__((vector_size(4 * W)));
typedef uint32_t Bits __attribute__((vector_size(4 * W)));
typedef float Unaligned
    __attribute__((vector_size(4 * W), aligned(4), may_alias));

// Floats at the start of a cache line, which no vector then straddles.
struct Buffer {
  struct alignas(64) Line {
    float x[16];
  };
  std::vector<Line> lines;
  explicit Buffer(int64_t size = 0) { zero(size); }
  void zero(int64_t size) { lines.assign((size + 15) / 16, Line{}); }
  float* data() const { return (float*)lines.data(); }
  float* operator+(int64_t i) const { return data() + i; }
  float& operator[](int64_t i) const { return data()[i]; }
};

static inline Vec load(const float* x) { return *(const Unaligned*)x; }
static inline void store(float* x, Vec v) { *(Unaligned*)x = v; }
static inline Vec fill(float x) { return x - Vec{}; }
static inline Vec maximum(Vec x, Vec y) { return x < y ? y : x; }

// 2^x for x <= 0, relative error below 2e-7; 2^-126 stands for all below it,
// NaN stays NaN. The polynomial is the minimax one on [-1/2, 1/2].
static inline Vec exp2(Vec x) {
  const float shift = 12582912.f + 127;  // its last bit is worth 1
  x = x < fill(-126.f) ? fill(-126.f) : x;
  Vec shifted = x + shift;
  Vec f = x - (shifted - shift);
  Vec y = f * 1.3264727e-3f + 9.6715130e-3f;
  y = y * f + 5.5507336e-2f;
  y = y * f + 2.4022242e-1f;
  y = y * f + 6.9314700e-1f;
  y = y * f + 1.f;
  return y * (Vec)((Bits)shifted << 23);
}

// Random bits of (seed, n): SplitMix64, doi 10.1145/2714064.2660195.
static inline uint64_t random_bits(uint64_t seed, uint64_t n) {
  uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// Random bits of a weight from those of its key and its query. A multiplier
// per query keeps rows from being shifted copies of each other.
static inline Bits combine(uint32_t key, Bits query, Bits multiplier) {
  Bits x = (key ^ query) * multiplier;
  return (x ^ x >> 15) * 0x2c1b3c6du;
}

struct Matrix {
  float* data;
  int64_t row;  // stride
};

// c = or += a b with a (rows, depth), b (depth, columns), c (rows, columns);
// columns are whole vectors. Steps of a, along rows and along depth: kRow and
// kCol, which become part of the instructions; kRow = 0 stands for a.row.
template <int64_t kRow, int64_t kCol>
struct Product {
  bool add;
  int64_t rows, columns, depth;
  Matrix a, b, c;

  template <int M, int N>
  void tile(int64_t top, int64_t left) const {
    const int64_t a_row = kRow ? kRow : a.row;
    const float *from = a.data + top * a_row, *right = b.data + left;
    float* to = c.data + top * c.row + left;
    Vec sum[M][N];
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n)
        sum[m][n] = add ? load(to + m * c.row + n * W) : Vec{};
    for (int64_t k = 0; k < depth; ++k, from += kCol, right += b.row) {
      Vec x[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) x[n] = load(right + n * W);
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[m][n] += from[m * a_row] * x[n];
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) store(to + m * c.row + n * W, sum[m][n]);
  }

  template <int N>
  void strip(int64_t left) const {
    int64_t m = 0;
    for (; m + ROWS <= rows; m += ROWS) tile<ROWS, N>(m, left);
    for (; m + 4 <= rows; m += 4) tile<4, N>(m, left);
    for (; m < rows; ++m) tile<1, N>(m, left);
  }

  void run() const {
    int64_t left = 0;
    for (; left + 2 * W <= columns; left += 2 * W) strip<2>(left);
    for (; left < columns; left += W) strip<1>(left);
  }
};
