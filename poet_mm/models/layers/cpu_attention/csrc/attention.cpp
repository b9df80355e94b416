// Attention for training on the CPU in memory linear in the tokens, fp32.
//
// Method: FlashAttention-2 (arXiv 2307.08691); the weights exist one tile at a
// time and backward computes them anew from the saved log-sum-exp. Different
// from it: tiles are stored transposed, (keys, queries), so that softmax along
// the keys is one vector operation per key and never reduces within a vector,
// and a ragged end of the queries is padded with lanes that nobody reads.
//
// Needs no header of torch: compiles in seconds, for any version of it.
//
// Letters: B images, H heads, T queries, S keys, D channels of a head,
// P = D padded to whole vectors. Scores are multiplied by log2 e beforehand,
// so that weights are powers of two.
#include "vector.h"

#include <algorithm>
#include <cmath>
#include <limits>

constexpr int QUERIES = 96;  // a tile stays in the second cache;
constexpr int KEYS = 192;    // both are multiples of ROWS and 2 W

// As Python passes them: (B, H, rows, D) with strides in elements, D's is 1.
struct View {
  float* data;
  int64_t image, head, row;
  float* at(int64_t b, int64_t h, int64_t i) const {
    return data + b * image + h * head + i * row;
  }
};

struct Sizes {
  int64_t B, H, T, S, D;
  int64_t P() const { return (D + W - 1) / W * W; }
};

struct Dropout {
  uint64_t seed;
  double probability;
  float scale() const { return 1. / (1. - probability); }  // of the kept
};

// One head of one image as the kernels read it: keys that are not padded, in
// rows of P, and the random bits of each.
struct Head {
  int64_t b, h, size = 0;
  std::vector<int64_t> keys;
  std::vector<uint32_t> bits;
  Buffer k, v;

  void load(const Sizes& n, int64_t index, const View& key, const View& value,
            const bool* padded, const Dropout& dropout) {
    b = index / n.H, h = index % n.H;
    keys.clear(), bits.clear();
    for (int64_t j = 0; j < n.S; ++j)
      if (!padded || !padded[b * n.S + j]) {
        keys.push_back(j);
        bits.push_back(random_bits(dropout.seed, 2 * j));
      }
    size = keys.size();
    k.zero(size * n.P()), v.zero(size * n.P());
    for (int64_t j = 0; j < size; ++j) {
      std::copy_n(key.at(b, h, keys[j]), n.D, &k[j * n.P()]);
      std::copy_n(value.at(b, h, keys[j]), n.D, &v[j * n.P()]);
    }
  }
};

// A block of queries (or of gradients of their outputs), scaled: in rows for
// products over queries and in columns for products over channels.
struct Block {
  int64_t first, size, lanes;
  Buffer rows, columns;  // (QUERIES, P), (D, QUERIES)

  void load(const Sizes& n, const Head& head, int64_t index, const View& from,
            float scale) {
    first = index * QUERIES;
    size = std::min<int64_t>(QUERIES, n.T - first);
    lanes = (size + W - 1) / W * W;
    rows.zero(QUERIES * n.P()), columns.zero(n.D * QUERIES);
    // First only copies: so the reads of many rows are underway at once.
    for (int64_t i = 0; i < size; ++i)
      std::copy_n(from.at(head.b, head.h, first + i), n.D, &rows[i * n.P()]);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t d = 0; d < n.D; ++d)
        columns[d * QUERIES + i] = rows[i * n.P() + d] *= scale;
  }

  Matrix by_row(int64_t P) const { return {rows + 0, P}; }
  Matrix by_column() const { return {columns + 0, QUERIES}; }
};

// Per query of a block: what keeps or drops its weights.
struct Lottery {
  uint32_t threshold;
  alignas(64) uint32_t bits[QUERIES], multiplier[QUERIES];

  void load(const Sizes& n, const Head& head, const Block& q,
            const Dropout& dropout) {
    threshold = std::ldexp(dropout.probability, 32);
    for (int64_t i = 0; i < QUERIES; ++i) {
      int64_t row = (head.b * n.H + head.h) * n.T + q.first + i;
      uint64_t x = random_bits(dropout.seed, 2 * row + 1);
      bits[i] = x, multiplier[i] = x >> 32 | 1;
    }
  }

  Bits kept(uint32_t key, int64_t i) const {
    Bits query = (Bits)::load((const float*)bits + i);
    Bits times = (Bits)::load((const float*)multiplier + i);
    return (Bits)(combine(key, query, times) >= threshold);
  }
};

static inline Vec where(Bits kept, Vec x) { return (Vec)(kept & (Bits)x); }

// Running softmax of a block of queries: scores (keys, QUERIES) become
// weights relative to the new maximum; what was summed before must be
// multiplied by ``rescale``.
struct Softmax {
  float maximum[QUERIES], sum[QUERIES], rescale[QUERIES];

  template <bool kDropout>
  void update(float* scores, int64_t size, int64_t lanes,
              const uint32_t* keys, const Lottery& lottery) {
    for (int64_t i = 0; i < lanes; i += W) {
      Vec before = load(maximum + i), now = before, total = {};
      for (int64_t j = 0; j < size; ++j)
        now = ::maximum(now, load(scores + j * QUERIES + i));
      for (int64_t j = 0; j < size; ++j) {
        float* at = scores + j * QUERIES + i;
        Vec p = exp2(load(at) - now);
        total += p;
        store(at, kDropout ? where(lottery.kept(keys[j], i), p) : p);
      }
      Vec scale = exp2(before - now);
      store(rescale + i, scale);
      store(sum + i, load(sum + i) * scale + total);
      store(maximum + i, now);
    }
  }
};

template <bool kDropout, int64_t kP>
static void forward(const Sizes& n, const View& query, const View& key,
                    const View& value, const bool* padded,
                    const Dropout& dropout, const View& out, float* lse,
                    int threads) {
  const int64_t P = n.P(), blocks = (n.T + QUERIES - 1) / QUERIES;
  const float scale = 1.4426950408889634 / std::sqrt((double)n.D);
#pragma omp parallel num_threads(threads)
  {
    int64_t loaded = -1;
    Head head;
    Block q;
    Lottery lottery;
    Softmax softmax;
    Buffer scores(KEYS * QUERIES), sum(QUERIES * P);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < n.B * n.H * blocks; ++task) {
      if (loaded != task / blocks) {
        loaded = task / blocks;
        head.load(n, loaded, key, value, padded, dropout);
      }
      q.load(n, head, task % blocks, query, scale);
      if (kDropout) lottery.load(n, head, q, dropout);
      std::fill_n(softmax.maximum, QUERIES,
                  -std::numeric_limits<float>::infinity());
      std::fill_n(softmax.sum, QUERIES, 0.f);
      sum.zero(QUERIES * P);
      for (int64_t j = 0; j < head.size; j += KEYS) {
        int64_t size = std::min<int64_t>(KEYS, head.size - j);
        Product<kP, 1>{false, size, q.lanes, n.D, {&head.k[j * P], P},
                       q.by_column(), {scores + 0, QUERIES}}
            .run();
        softmax.update<kDropout>(scores.data(), size, q.lanes, &head.bits[j],
                                 lottery);
        for (int64_t i = 0; i < q.size; ++i)
          for (int64_t d = 0; d < P; d += W)
            store(&sum[i * P + d],
                  load(&sum[i * P + d]) * softmax.rescale[i]);
        Product<1, QUERIES>{true, q.size, P, size, {scores + 0, 1},
                            {&head.v[j * P], P}, {sum + 0, P}}
            .run();
      }
      for (int64_t i = 0; i < q.size; ++i) {
        float total = head.size ? softmax.sum[i] : 1.f;  // no key: zeros
        float share = dropout.scale() / total;
        float* row = out.at(head.b, head.h, q.first + i);
        for (int64_t d = 0; d < n.D; ++d) row[d] = sum[i * P + d] * share;
        lse[loaded * n.T + q.first + i] =
            softmax.maximum[i] + std::log2(total);
      }
    }
  }
}

// scores and d_weights, both (keys, QUERIES), become the weights after
// dropout and the gradient of the scores.
template <bool kDropout>
static void softmax_backward(float* scores, float* d_weights, int64_t size,
                             int64_t lanes, const float* lse,
                             const float* delta, const uint32_t* keys,
                             const Lottery& lottery) {
  for (int64_t i = 0; i < lanes; i += W) {
    const Vec total = load(lse + i), mean = load(delta + i);
    for (int64_t j = 0; j < size; ++j) {
      float *s = scores + j * QUERIES + i, *d = d_weights + j * QUERIES + i;
      Vec p = exp2(load(s) - total), d_p = load(d);
      if (kDropout) {
        Bits kept = lottery.kept(keys[j], i);
        store(s, where(kept, p));
        d_p = where(kept, d_p);
      } else {
        store(s, p);
      }
      store(d, p * (d_p - mean));
    }
  }
}

template <bool kDropout, int64_t kP>
static void backward(const Sizes& n, const View& query, const View& key,
                     const View& value, const bool* padded,
                     const Dropout& dropout, const View& out,
                     const float* lse, const View& d_out, const View& d_query,
                     const View& d_key, const View& d_value, int threads) {
  const int64_t P = n.P(), blocks = (n.T + QUERIES - 1) / QUERIES;
  const float root = 1. / std::sqrt((double)n.D);
  const float scale = 1.4426950408889634 * root, ln2 = 0.6931471805599453;
#pragma omp parallel num_threads(threads)
  {
    Head head;
    Block q, o, d_o;
    float total[QUERIES] = {}, delta[QUERIES];
    Lottery lottery;
    Buffer weights(KEYS * QUERIES), d_scores(KEYS * QUERIES);
    Buffer d_q(QUERIES * P), d_k, d_v;
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < n.B * n.H; ++task) {
      head.load(n, task, key, value, padded, dropout);
      d_k.zero(head.size * P), d_v.zero(head.size * P);
      for (int64_t block = 0; block < blocks; ++block) {
        q.load(n, head, block, query, scale);
        d_o.load(n, head, block, d_out, dropout.scale());
        if (kDropout) lottery.load(n, head, q, dropout);
        o.load(n, head, block, out, 1.f / dropout.scale());
        std::copy_n(lse + task * n.T + q.first, q.size, total);
        for (int64_t i = 0; i < q.lanes; i += W) {
          Vec sum = {};
          for (int64_t d = 0; d < n.D * QUERIES; d += QUERIES)
            sum += load(&o.columns[d + i]) * load(&d_o.columns[d + i]);
          store(delta + i, sum);
        }
        d_q.zero(QUERIES * P);
        for (int64_t j = 0; j < head.size; j += KEYS) {
          int64_t size = std::min<int64_t>(KEYS, head.size - j);
          const Matrix k = {&head.k[j * P], P}, v = {&head.v[j * P], P};
          const Matrix p = {weights + 0, QUERIES};
          const Matrix d_s = {d_scores + 0, QUERIES};
          Product<kP, 1>{false, size, q.lanes, n.D, k, q.by_column(), p}.run();
          Product<kP, 1>{false, size, q.lanes, n.D, v, d_o.by_column(), d_s}
              .run();
          softmax_backward<kDropout>(p.data, d_s.data, size, q.lanes, total,
                                     delta, &head.bits[j], lottery);
          Product<QUERIES, 1>{true, size, P, q.size, p, d_o.by_row(P),
                              {&d_v[j * P], P}}
              .run();
          Product<QUERIES, 1>{true, size, P, q.size, d_s, q.by_row(P),
                              {&d_k[j * P], P}}
              .run();
          Product<1, QUERIES>{true, q.size, P, size, d_s, k, {d_q + 0, P}}
              .run();
        }
        for (int64_t i = 0; i < q.size; ++i) {
          float* row = d_query.at(head.b, head.h, q.first + i);
          for (int64_t d = 0; d < n.D; ++d) row[d] = d_q[i * P + d] * root;
        }
      }
      for (int64_t j = 0; j < head.size; ++j) {
        float* row = d_key.at(head.b, head.h, head.keys[j]);
        for (int64_t d = 0; d < n.D; ++d) row[d] = d_k[j * P + d] * ln2;
        std::copy_n(&d_v[j * P], n.D,
                    d_value.at(head.b, head.h, head.keys[j]));
      }
    }
  }
}

extern "C" {

// out (B, H, T, D) and lse (B, H, T), the base-2 log of the sum of weights;
// padded (B, S) or null.
void attention_forward(const Sizes* n, const View* q, const View* k,
                       const View* v, const bool* padded,
                       const Dropout* dropout, const View* out, float* lse,
                       int threads) {
  const bool drops = dropout->probability > 0, detr = n->P() == 32;
  auto run = drops ? (detr ? forward<true, 32> : forward<true, 0>)
                   : (detr ? forward<false, 32> : forward<false, 0>);
  run(*n, *q, *k, *v, padded, *dropout, *out, lse, threads);
}

// d_q, d_k, d_v from d_out; rows of d_k, d_v of padded keys are not written.
void attention_backward(const Sizes* n, const View* q, const View* k,
                        const View* v, const bool* padded,
                        const Dropout* dropout, const View* out,
                        const float* lse, const View* d_out, const View* d_q,
                        const View* d_k, const View* d_v, int threads) {
  const bool drops = dropout->probability > 0, detr = n->P() == 32;
  auto run = drops ? (detr ? backward<true, 32> : backward<true, 0>)
                   : (detr ? backward<false, 32> : backward<false, 0>);
  run(*n, *q, *k, *v, padded, *dropout, *out, lse, *d_out, *d_q, *d_k, *d_v,
      threads);
}
}
