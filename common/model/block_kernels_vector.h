/*
 * The vector kernels of the block solver, for a file that has included kernels_vector.h, whose names it uses.
 *
 * Streams are trained as two alternating groups of four: while the sigmoids of one group are in flight (a
 * dependency chain of a hundred cycles), the dot products of the other keep the processor busy.
 *
 *     errors A | dots B | move A | errors B | dots A, next rating | move B | …
 *
 * A quad holds one value for each of a group's four streams, so that one sigmoid serves all four. Read
 * block_kernels_scalar.c first.
 */

#define GROUP 4

typedef float quad __attribute__((vector_size(16)));
typedef int32_t quad_flags __attribute__((vector_size(16)));
typedef float oct __attribute__((vector_size(32)));
typedef double quad_wide __attribute__((vector_size(32)));
typedef int64_t quad_words __attribute__((vector_size(32)));
typedef uint64_t quad_bits __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))

struct group {
    struct cps_block_stream *streams;
    float *user[GROUP], *movie[GROUP]; /* rows of the current ratings */
    oct partial[GROUP], user_squares[GROUP], movie_squares[GROUP];
    quad rating, rate;
    quad user_reach, user_bias_reach, movie_reach, movie_bias_reach;
    vec user_decay[GROUP], movie_decay[GROUP]; /* of a row's first vector */
    quad_words loss, wild;
};

INLINE quad quad_set(float x)
{
    return (quad){x, x, x, x};
}

INLINE quad quad_choose(quad_flags mask, quad yes, quad no)
{
    return (quad)((mask & (quad_flags)yes) | (~mask & (quad_flags)no));
}

/* Square roots of the lanes. */
INLINE quad quad_sqrt(quad x)
{
    return (quad)_mm_sqrt_ps((__m128)x);
}

/* The first fold, of 16 lanes to 8. */
INLINE oct halved(const vec *sums)
{
#if WIDTH == 16
    return __builtin_shufflevector(sums[0], sums[0], 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(sums[0], sums[0], 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return (oct)(sums[0] + sums[1]);
#endif
}

/* The other folds of four streams at once: lane k is the sum of x[k]. */
INLINE quad folded(const oct *x)
{
    oct a = __builtin_shufflevector(x[0], x[1], 0, 1, 2, 3, 8, 9, 10, 11) +
            __builtin_shufflevector(x[0], x[1], 4, 5, 6, 7, 12, 13, 14, 15);
    oct b = __builtin_shufflevector(x[2], x[3], 0, 1, 2, 3, 8, 9, 10, 11) +
            __builtin_shufflevector(x[2], x[3], 4, 5, 6, 7, 12, 13, 14, 15);
    /* Two lanes each of streams 0, 2, 1, 3. */
    oct c = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
            __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(c, c, 0, 4, 2, 6) + __builtin_shufflevector(c, c, 1, 5, 3, 7);
}

/* cps_sigmoid of four, operation by operation. */
INLINE quad quad_sigmoid(quad x)
{
    const quad top = quad_set(87.0f), magic = quad_set(0x1.8p23f);
    quad bounded = quad_choose(x > -top, x, -top);
    bounded = quad_choose(bounded > top, top, bounded);
    quad y = -bounded;
    quad shifted = y * quad_set(1.44269504f) + magic, n = shifted - magic;
    quad r = (y - n * quad_set(0.693359375f)) + n * quad_set(2.12194440e-4f);
    quad sum = quad_set(1.9875691500e-4f);
    sum = sum * r + quad_set(1.3981999507e-3f);
    sum = sum * r + quad_set(8.3334519073e-3f);
    sum = sum * r + quad_set(4.1665795894e-2f);
    sum = sum * r + quad_set(1.6666665459e-1f);
    sum = sum * r + quad_set(5.0000001201e-1f);
    quad power = (sum * (r * r) + r) + quad_set(1.0f);
    /* The low bits of shifted hold n. */
    quad scale = (quad)(((quad_flags)shifted << 23) + (quad_flags)quad_set(1.0f));
    quad share = quad_set(1.0f) / (quad_set(1.0f) + power * scale);
    return quad_choose((quad_flags)(x == x), share, x);
}

INLINE void prefetch_row(const float *rows, size_t row, uint32_t row_floats)
{
    uintptr_t at = (uintptr_t)rows + row * row_floats * sizeof(float);
    for (uint32_t line = 0; line < 4; line++)
        __builtin_prefetch((const void *)(at + 64 * line), 1);
}

/* The first vector of a row with the elements that are not factors set to zero. */
INLINE vec factors_of(vec first)
{
    vec_flags mask = ~(vec_flags){0};
    mask[CPS_BLOCK_BIAS] = mask[CPS_BLOCK_ONE] = 0;
    return (vec)((vec_flags)first & mask);
}

INLINE void dot_rows(const float *x, const float *y, uint32_t vectors, vec *sums)
{
    enum { PARTS = CPS_LANES / WIDTH };
    for (uint32_t part = 0; part < PARTS; part++)
        sums[part] = vec_load(x + part * WIDTH) * vec_load(y + part * WIDTH);
    for (uint32_t j = PARTS; j < vectors; j++)
        sums[j % PARTS] = sums[j % PARTS] + vec_load(x + j * WIDTH) * vec_load(y + j * WIDTH);
}

INLINE oct squares_of(const float *x, uint32_t vectors)
{
    enum { PARTS = CPS_LANES / WIDTH };
    vec sums[PARTS];
    for (uint32_t part = 0; part < PARTS; part++) {
        vec y = part == 0 ? factors_of(vec_load(x)) : vec_load(x + part * WIDTH);
        sums[part] = y * y;
    }
    for (uint32_t j = PARTS; j < vectors; j++)
        sums[j % PARTS] = sums[j % PARTS] + vec_load(x + j * WIDTH) * vec_load(x + j * WIDTH);
    return halved(sums);
}

INLINE void dots(struct group *group, uint32_t at, uint32_t row_floats, uint32_t vectors, bool adagrad)
{
    _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++)
    {
        const struct cps_block_stream *stream = &group->streams[k];
        struct cps_block_rating now = stream->ratings[at], later = stream->ratings[at + CPS_BLOCK_AHEAD];
        prefetch_row(stream->movies, later.movie, row_floats);
        prefetch_row(stream->users, later.user, row_floats);
        float *user = stream->users + (size_t)now.user * row_floats;
        float *movie = stream->movies + (size_t)now.movie * row_floats;
        vec sums[CPS_LANES / WIDTH];
        dot_rows(user, movie, vectors, sums);
        group->partial[k] = halved(sums);
        group->user[k] = user;
        group->movie[k] = movie;
        group->rating[k] = now.rating;
        if (adagrad) {
            group->user_squares[k] = squares_of(user, vectors);
            group->movie_squares[k] = squares_of(movie, vectors);
        }
    }
}

INLINE void add_losses(struct group *group, quad error, double scale)
{
    quad_wide wide_error = __builtin_convertvector(error, quad_wide);
    quad_wide units = wide_error * wide_error * scale;
    group->wild |= (quad_words) ~(units < 0x1p51);
    group->loss = (quad_words)((quad_bits)group->loss + ((quad_bits)(units + MAGIC) - (uint64_t)MAGIC_BITS));
}

/* Adds step to accumulator `which` of four rows and returns the resulting rates. */
INLINE quad rates_of(float *const *rows, uint32_t stride, int which, quad step, quad rate)
{
    quad history;
    for (int k = 0; k < GROUP; k++)
        history[k] = rows[k][stride + (uint32_t)which];
    history = history + step;
    for (int k = 0; k < GROUP; k++)
        rows[k][stride + (uint32_t)which] = history[k];
    return rate / (quad_sqrt(history) + quad_set(1e-10f));
}

/* Computes each row's step from the scores. */
INLINE void errors(const struct cps_block_rule *rule, struct group *group, bool has_range, bool adagrad)
{
    quad score = (folded(group->partial) + 0.0f) + rule->offset;
    quad share = has_range ? quad_sigmoid(score) : score;
    quad error = (has_range ? rule->low + rule->span * share : score) - group->rating;
    add_losses(group, error, rule->loss_scale);
    quad slope = error + error;
    if (has_range)
        slope = slope * (rule->span * (share * (1.0f - share)));
    if (!adagrad) {
        group->user_reach = slope * group->rate;
        return;
    }
    quad square = slope * slope;
    quad by_user = square * folded(group->movie_squares) / quad_set(rule->factors);
    quad by_movie = square * folded(group->user_squares) / quad_set(rule->factors);
    group->user_reach = slope * rates_of(group->user, rule->stride, 0, by_user, group->rate);
    group->user_bias_reach = slope * rates_of(group->user, rule->stride, 1, square, group->rate);
    group->movie_reach = slope * rates_of(group->movie, rule->stride, 0, by_movie, group->rate);
    group->movie_bias_reach = slope * rates_of(group->movie, rule->stride, 1, square, group->rate);
}

/* The step of a row's first vector: 0 at `one`, the bias's at `bias`. */
INLINE vec first_reach(float factors, float bias_reach, int bias, int one)
{
    vec_flags mask = ~(vec_flags){0}, bias_mask = {0};
    mask[one] = 0;
    mask[bias] = 0;
    bias_mask[bias] = -1;
    return (vec)(((vec_flags)vec_set(factors) & mask) | ((vec_flags)vec_set(bias_reach) & bias_mask));
}

/* Updates the rows of the current ratings. */
INLINE void move(struct group *group, uint32_t vectors, bool adagrad)
{
    _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++)
    {
        float *user = group->user[k], *movie = group->movie[k];
        float by_user = group->user_reach[k], by_movie = adagrad ? group->movie_reach[k] : by_user;
        float by_user_bias = adagrad ? group->user_bias_reach[k] : by_user;
        float by_movie_bias = adagrad ? group->movie_bias_reach[k] : by_user;
        vec x = vec_load(user), y = vec_load(movie);
        vec user_reach = first_reach(by_user, by_user_bias, CPS_BLOCK_BIAS, CPS_BLOCK_ONE);
        vec movie_reach = first_reach(by_movie, by_movie_bias, CPS_BLOCK_ONE, CPS_BLOCK_BIAS);
        vec_store(user, x * group->user_decay[k] - user_reach * y);
        vec_store(movie, y * group->movie_decay[k] - movie_reach * x);
        user_reach = vec_set(by_user);
        movie_reach = vec_set(by_movie);
        const vec decay = vec_set(group->streams[k].decay);
        for (uint32_t j = 1; j < vectors; j++) {
            x = vec_load(user + j * WIDTH);
            y = vec_load(movie + j * WIDTH);
            vec_store(user + j * WIDTH, x * decay - user_reach * y);
            vec_store(movie + j * WIDTH, y * decay - movie_reach * x);
        }
    }
}

/* The decay of each element of a row's first vector. */
static vec first_decay(const struct cps_block_stream *stream, int bias, int one)
{
    vec decay = vec_set(stream->decay);
    decay[bias] = stream->bias_decay;
    decay[one] = 1.0f;
    return decay;
}

static void group_begin(struct group *group, struct cps_block_stream *streams)
{
    group->streams = streams;
    group->loss = group->wild = (quad_words){0};
    for (int k = 0; k < GROUP; k++) {
        group->rate[k] = streams[k].rate;
        group->user_decay[k] = first_decay(&streams[k], CPS_BLOCK_BIAS, CPS_BLOCK_ONE);
        group->movie_decay[k] = first_decay(&streams[k], CPS_BLOCK_ONE, CPS_BLOCK_BIAS);
    }
}

static void group_end(const struct group *group, uint32_t steps)
{
    for (int k = 0; k < GROUP; k++) {
        struct cps_block_stream *stream = &group->streams[k];
        stream->ratings += steps;
        stream->loss = (int64_t)((uint64_t)stream->loss + (uint64_t)group->loss[k]);
        stream->wild |= group->wild[k] != 0;
    }
}

INLINE void train_groups(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t steps,
                         uint32_t row_floats, uint32_t vectors, bool has_range, bool adagrad)
{
    struct group a, b;
    group_begin(&a, streams);
    group_begin(&b, streams + GROUP);
    dots(&a, 0, row_floats, vectors, adagrad);
    for (uint32_t step = 0; step < steps; step++) {
        errors(rule, &a, has_range, adagrad);
        dots(&b, step, row_floats, vectors, adagrad);
        move(&a, vectors, adagrad);
        errors(rule, &b, has_range, adagrad);
        if (step + 1 < steps)
            dots(&a, step + 1, row_floats, vectors, adagrad);
        move(&b, vectors, adagrad);
    }
    group_end(&a, steps);
    group_end(&b, steps);
}

/* 50 factors, for which the loops are unrolled. */
enum { USUAL_VECTORS = (CPS_BLOCK_FACTORS + 50 + WIDTH - 1) / WIDTH, USUAL_STRIDE = 64 };

static void train(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t steps)
{
    uint32_t vectors = (rule->width + WIDTH - 1) / WIDTH;
    if (vectors < CPS_LANES / WIDTH)
        vectors = CPS_LANES / WIDTH;
    if (steps == 0)
        return;
    if (rule->adagrad)
        train_groups(rule, streams, steps, rule->row_floats, vectors, rule->has_range, true);
    else if (vectors == USUAL_VECTORS && rule->row_floats == USUAL_STRIDE && rule->has_range)
        train_groups(rule, streams, steps, USUAL_STRIDE, USUAL_VECTORS, true, false);
    else
        train_groups(rule, streams, steps, rule->row_floats, vectors, rule->has_range, false);
}

static void scores(const struct cps_block_rule *rule, const float *users, const float *movies,
                   const struct cps_block_rating *ratings, size_t count, float *restrict score)
{
    enum { AHEAD = 8 };
    uint32_t vectors = rule->stride / WIDTH, row_floats = rule->row_floats;
    size_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        oct partial[GROUP];
        for (size_t k = 0; k < GROUP; k++) {
            struct cps_block_rating now = ratings[i + k];
            struct cps_block_rating later = ratings[i + k + AHEAD < count ? i + k + AHEAD : count - 1];
            vec sums[CPS_LANES / WIDTH];
            prefetch_row(users, later.user, row_floats);
            prefetch_row(movies, later.movie, row_floats);
            dot_rows(users + (size_t)now.user * row_floats, movies + (size_t)now.movie * row_floats, vectors,
                     sums);
            partial[k] = halved(sums);
        }
        quad four = folded(partial) + 0.0f;
        memcpy(score + i, &four, sizeof four);
    }
    for (; i < count; i++) {
        vec sums[CPS_LANES / WIDTH];
        dot_rows(users + (size_t)ratings[i].user * row_floats, movies + (size_t)ratings[i].movie * row_floats,
                 vectors, sums);
        score[i] = fold(sums) + 0.0f;
    }
}

static const struct cps_block_kernels block_kernels = {.train = train, .scores = scores};
