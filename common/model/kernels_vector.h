/*
 * The vector kernels. The including file must first define:
 *
 *   WIDTH           floats in a vector (8 or 16)
 *   vec, wide       vectors of WIDTH floats and of WIDTH/2 doubles
 *   vec_flags, words, bits   of WIDTH int32, WIDTH/2 int64 and WIDTH/2 uint64; sums are
 *                   added as bits, where overflow is defined
 *   vec_load, vec_store, vec_set, vec_sqrt
 *   vec_low(x), vec_high(x)   half of a vec as doubles; vec_join(low, high) back to floats
 *   any_bit(x)      whether any bit of a vec_flags or words is set
 *
 * Expressions on vectors use the compiler's built-in operators. Read kernels_scalar.c
 * first: each function here is the one of that name, WIDTH elements at a time.
 */

enum { HALF = WIDTH / 2 };

static const double MAGIC = 0x1.8p52;
static const int64_t MAGIC_BITS = 0x4338000000000000;

static inline float fold(const vec *sums)
{
    float lanes[CPS_LANES];
    for (int part = 0; part < CPS_LANES / WIDTH; part++)
        vec_store(lanes + part * WIDTH, sums[part]);
    float s[8];
    for (int l = 0; l < 8; l++)
        s[l] = lanes[l] + lanes[l + 8];
    for (int l = 0; l < 4; l++)
        s[l] += s[l + 4];
    s[0] += s[2];
    s[1] += s[3];
    return s[0] + s[1];
}

static void dot(const float *restrict rows, size_t stride, const uint32_t *restrict a,
                const uint32_t *restrict b, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        const float *x = rows + a[i] * stride, *y = rows + b[i] * stride;
        vec sums[CPS_LANES / WIDTH];
        for (int part = 0; part < CPS_LANES / WIDTH; part++)
            sums[part] = vec_load(x + part * WIDTH) * vec_load(y + part * WIDTH);
        for (size_t j = CPS_LANES; j < stride; j += CPS_LANES)
            for (int part = 0; part < CPS_LANES / WIDTH; part++)
                sums[part] = sums[part] + vec_load(x + j + part * WIDTH) * vec_load(y + j + part * WIDTH);
        out[i] = fold(sums);
    }
}

static bool accumulate(int64_t *restrict sum, const float *restrict x, float scale, size_t count,
                       const struct cps_fixed_point *fixed)
{
    words bad = {0};
    const wide limit = (wide){0} + fixed->limit, magic = (wide){0} + MAGIC;
    const bits magic_bits = (bits){0} + (uint64_t)MAGIC_BITS;
    for (size_t j = 0; j < count; j += WIDTH) {
        vec product = vec_load(x + j) * vec_set(scale);
        wide halves[2] = {vec_low(product), vec_high(product)};
        for (int part = 0; part < 2; part++) {
            wide units = halves[part] * fixed->scale;
            bad |= (words) ~((units < limit) & (units > -limit));
            words total;
            memcpy(&total, sum + j + part * HALF, sizeof total);
            total = (words)((bits)total + ((bits)(units + magic) - magic_bits));
            memcpy(sum + j + part * HALF, &total, sizeof total);
        }
    }
    return !any_bit(bad);
}

/* WIDTH sums as floats; lanes of *bad are set where one is out of range. */
static inline vec gradient_of(const int64_t *sum, const struct cps_fixed_point *fixed, words *bad)
{
    const wide magic = (wide){0} + MAGIC;
    const bits magic_bits = (bits){0} + (uint64_t)MAGIC_BITS;
    const words top = (words){0} + ((int64_t)1 << 51);
    wide halves[2];
    for (int part = 0; part < 2; part++) {
        words units;
        memcpy(&units, sum + part * HALF, sizeof units);
        *bad |= (units >= top) | (units < -top);
        halves[part] = ((wide)((bits)units + magic_bits) - magic) * fixed->inverse;
    }
    return vec_join(halves[0], halves[1]);
}

/* Lanes where x is infinite or not a number: x - x is 0 for all others. */
static inline vec_flags not_finite(vec x)
{
    return (vec_flags)(x - x != vec_set(0.0f));
}

/* WIDTH contributions, each converted to fixed point and back like a sum of one; lanes of *bad are
 * set where one is beyond the limit. */
static inline vec single_of(vec x, const struct cps_fixed_point *fixed, words *bad)
{
    const wide limit = (wide){0} + fixed->limit, magic = (wide){0} + MAGIC;
    wide halves[2] = {vec_low(x), vec_high(x)};
    for (int part = 0; part < 2; part++) {
        wide units = halves[part] * fixed->scale;
        *bad |= (words) ~((units < limit) & (units > -limit));
        halves[part] = ((units + magic) - magic) * fixed->inverse;
    }
    return vec_join(halves[0], halves[1]);
}

/* The coefficients of a step, one per vector. */
struct adam_vectors {
    vec keep, take, epsilon, decay, rate, momentum, one_minus, scale;
};

static inline struct adam_vectors adam_vectors(const struct cps_adam_step *step)
{
    return (struct adam_vectors){.keep = vec_set((float)CPS_ADAM_SQUARE_DECAY),
                                 .take = vec_set(0.01f),
                                 .epsilon = vec_set(CPS_ADAM_EPSILON),
                                 .decay = vec_set(step->decay),
                                 .rate = vec_set(step->rate),
                                 .momentum = vec_set(step->momentum),
                                 .one_minus = vec_set(step->one_minus),
                                 .scale = vec_set(step->square_scale)};
}

/* Updates WIDTH elements by gradient g; lanes of *wild are set where a weight is no longer finite. */
static inline void adam_elements(float *w, float *m, float *v, vec g, const struct adam_vectors *step,
                                 vec_flags *wild)
{
    vec first = step->momentum * vec_load(m) + step->one_minus * g;
    vec second = step->keep * vec_load(v) + step->take * (g * g);
    vec root = vec_sqrt(second) * step->scale;
    vec weight = vec_load(w) * step->decay - step->rate * (first / (root + step->epsilon));
    *wild |= not_finite(weight);
    vec_store(m, first);
    vec_store(v, second);
    vec_store(w, weight);
}

static bool adam(float *restrict w, float *restrict m, float *restrict v, const int64_t *restrict sum,
                 size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed)
{
    const struct adam_vectors vectors = adam_vectors(step);
    words bad = {0};
    vec_flags wild = {0};
    for (size_t j = 0; j < stride; j += WIDTH)
        adam_elements(w + j, m + j, v + j, gradient_of(sum + j, fixed, &bad), &vectors, &wild);
    return !any_bit(bad) && !any_bit(wild);
}

static bool adam_single(float *restrict w, float *restrict m, float *restrict v, const float *restrict x,
                        size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed)
{
    const struct adam_vectors vectors = adam_vectors(step);
    words bad = {0};
    vec_flags wild = {0};
    for (size_t j = 0; j < stride; j += WIDTH)
        adam_elements(w + j, m + j, v + j, single_of(vec_load(x + j), fixed, &bad), &vectors, &wild);
    return !any_bit(bad) && !any_bit(wild);
}

/* `blocks` vectors at a time, so that their divisions overlap. */
static inline __attribute__((always_inline)) void caught_up(const float *w, const float *m, const float *v,
                                                            const struct cps_catch_up *missed, int blocks,
                                                            float *out)
{
    const vec epsilon = vec_set(CPS_ADAM_EPSILON);
    vec root[4], sum[4];
    for (int b = 0; b < blocks; b++) {
        root[b] = vec_sqrt(vec_load(v + b * WIDTH));
        sum[b] = vec_set(0.0f);
    }
    uint32_t i = 0;
    for (; i + 2 <= missed->terms; i += 2) {
        const vec first_ratio = vec_set(missed->ratio[i]), second_ratio = vec_set(missed->ratio[i + 1]);
        const vec first = vec_set(missed->weight[i]), second = vec_set(missed->weight[i + 1]);
        for (int b = 0; b < blocks; b++) {
            vec x = root[b] * first_ratio + epsilon, y = root[b] * second_ratio + epsilon;
            sum[b] = sum[b] + (first * y + second * x) / (x * y);
        }
    }
    for (int b = 0; b < blocks && i < missed->terms; b++)
        sum[b] = sum[b] + vec_set(missed->weight[i]) / (root[b] * vec_set(missed->ratio[i]) + epsilon);
    for (int b = 0; b < blocks; b++)
        vec_store(out + b * WIDTH,
                  vec_load(w + b * WIDTH) * vec_set(missed->decay) - vec_load(m + b * WIDTH) * sum[b]);
}

static inline void peek_into(const float *w, const float *m, const float *v, size_t stride,
                             const struct cps_catch_up *missed, float *out)
{
    size_t j = 0;
    for (; j + 4 * WIDTH <= stride; j += 4 * WIDTH)
        caught_up(w + j, m + j, v + j, missed, 4, out + j);
    for (; j < stride; j += WIDTH)
        caught_up(w + j, m + j, v + j, missed, 1, out + j);
}

static void peek(const float *restrict w, const float *restrict m, const float *restrict v, size_t stride,
                 const struct cps_catch_up *missed, float *restrict out)
{
    peek_into(w, m, v, stride, missed, out);
}

static void catch_up(float *restrict w, float *restrict m, float *restrict v, size_t stride,
                     const struct cps_catch_up *missed)
{
    const vec momentum = vec_set(missed->momentum), square = vec_set(missed->square);
    peek_into(w, m, v, stride, missed, w);
    for (size_t j = 0; j < stride; j += WIDTH) {
        vec_store(m + j, vec_load(m + j) * momentum);
        vec_store(v + j, vec_load(v + j) * square);
    }
}

static bool descend(float *restrict w, const int64_t *restrict sum, size_t stride, float decay, float rate,
                    const struct cps_fixed_point *fixed)
{
    words bad = {0};
    vec_flags wild = {0};
    for (size_t j = 0; j < stride; j += WIDTH) {
        vec weight = vec_load(w + j) * vec_set(decay) - vec_set(rate) * gradient_of(sum + j, fixed, &bad);
        wild |= not_finite(weight);
        vec_store(w + j, weight);
    }
    return !any_bit(bad) && !any_bit(wild);
}

static float square_sum(const int64_t *restrict sum, size_t stride, const struct cps_fixed_point *fixed)
{
    vec sums[CPS_LANES / WIDTH];
    words bad = {0};
    for (int part = 0; part < CPS_LANES / WIDTH; part++)
        sums[part] = vec_set(0.0f);
    for (size_t j = 0; j < stride; j += CPS_LANES)
        for (int part = 0; part < CPS_LANES / WIDTH; part++) {
            vec g = gradient_of(sum + j + part * WIDTH, fixed, &bad);
            sums[part] = sums[part] + g * g;
        }
    return fold(sums);
}

static const struct cps_kernels kernels = {
    .name = NAME,
    .dot = dot,
    .accumulate = accumulate,
    .adam = adam,
    .adam_single = adam_single,
    .catch_up = catch_up,
    .peek = peek,
    .descend = descend,
    .square_sum = square_sum,
};
