/*
 * The vector kernels of the block solver, for a file that has included kernels_vector.h, whose names it uses.
 *
 * Streams are trained as two alternating groups of four. From a group's dot products to its steps is a chain of
 * some 180 cycles (fold, sigmoid, slope), more than a processor looks ahead. So the chain of one group is cut
 * into stages, and between them stand the steps and the next dot products of the other group's streams:
 *
 *     fold A | move B0 | exponent A | move B1, dot B0 | polynomial A | … | slopes A   then A and B change
 * places
 *
 * Four streams alone are one group, whose chain is not hidden, but which takes half as long.
 *
 * A quad holds one value for each of a group's four streams, so that one sigmoid serves all four. Read
 * block_kernels_scalar.c first.
 */

#define GROUP CPS_BLOCK_FEWER_STREAMS

typedef float quad __attribute__((vector_size(16)));
typedef int32_t quad_flags __attribute__((vector_size(16)));
typedef float oct __attribute__((vector_size(32)));
typedef double quad_wide __attribute__((vector_size(32)));
typedef int64_t quad_words __attribute__((vector_size(32)));
typedef uint64_t quad_bits __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))

/* What the loops of a plan have in common; constants where they are unrolled. */
struct shape {
    uint32_t row_floats, vectors;
    bool has_range, adagrad;
};

struct group {
    struct cps_block_stream *streams;
    struct cps_block_supply *supply;
    float *user[GROUP], *movie[GROUP]; /* rows of the current ratings */
    oct partial[GROUP], user_squares[GROUP], movie_squares[GROUP];
    quad rating, rate;
    quad score, rest, sum, share; /* of the sigmoids under way */
    quad_flags exponent;
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

/* cps_sigmoid of four, operation by operation, in four stages. */
INLINE void sigmoid_exponent(struct group *group)
{
    const quad top = quad_set(87.0f), magic = quad_set(0x1.8p23f);
    quad x = group->score, bounded = quad_choose(x > -top, x, -top);
    bounded = quad_choose(bounded > top, top, bounded);
    quad y = -bounded;
    quad shifted = y * quad_set(1.44269504f) + magic, n = shifted - magic;
    group->exponent = (quad_flags)shifted; /* the low bits hold n */
    group->rest = (y - n * quad_set(0.693359375f)) + n * quad_set(2.12194440e-4f);
}

INLINE void sigmoid_begin(struct group *group)
{
    quad sum = quad_set(1.9875691500e-4f), r = group->rest;
    sum = sum * r + quad_set(1.3981999507e-3f);
    sum = sum * r + quad_set(8.3334519073e-3f);
    group->sum = sum * r + quad_set(4.1665795894e-2f);
}

INLINE void sigmoid_power(struct group *group)
{
    quad sum = group->sum, r = group->rest;
    sum = sum * r + quad_set(1.6666665459e-1f);
    sum = sum * r + quad_set(5.0000001201e-1f);
    group->sum = (sum * (r * r) + r) + quad_set(1.0f);
}

INLINE void sigmoid_end(struct group *group)
{
    quad scale = (quad)((group->exponent << 23) + (quad_flags)quad_set(1.0f)), x = group->score;
    quad share = quad_set(1.0f) / (quad_set(1.0f) + group->sum * scale);
    group->share = quad_choose((quad_flags)(x == x), share, x);
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

/* Gives a group's stream k its parameters, after the stream was set. */
INLINE void begin_stream(struct group *group, int k)
{
    const struct cps_block_stream *stream = &group->streams[k];
    vec decay = vec_set(stream->decay);
    group->rate[k] = stream->rate;
    decay[CPS_BLOCK_BIAS] = stream->bias_decay;
    decay[CPS_BLOCK_ONE] = 1.0f;
    group->user_decay[k] = decay;
    decay[CPS_BLOCK_BIAS] = 1.0f;
    decay[CPS_BLOCK_ONE] = stream->bias_decay;
    group->movie_decay[k] = decay;
}

/* Moves a group's sum of errors to stream k. */
INLINE void take_loss(struct group *group, int k)
{
    struct cps_block_stream *stream = &group->streams[k];
    stream->loss = (int64_t)((uint64_t)stream->loss + (uint64_t)group->loss[k]);
    stream->wild |= group->wild[k] != 0;
    group->loss[k] = group->wild[k] = 0;
}

/* Has stream k, all of whose ratings are trained, set anew. */
static __attribute__((noinline)) void refill(struct group *group, int k, uint32_t row_floats)
{
    struct cps_block_stream *stream = &group->streams[k];
    take_loss(group, k);
    group->supply->next(group->supply->context, stream);
    begin_stream(group, k);
    for (int i = 0; i < CPS_BLOCK_AHEAD; i++) {
        prefetch_row(stream->movies, stream->ratings[i].movie, row_floats);
        prefetch_row(stream->users, stream->ratings[i].user, row_floats);
    }
}

/* The dot product of the next rating of stream k, whose rows the one before has left. */
INLINE void dot_one(struct group *group, int k, const struct shape *shape)
{
    struct cps_block_stream *stream = &group->streams[k];
    if (__builtin_expect(stream->ratings == stream->end, 0))
        refill(group, k, shape->row_floats);
    const struct cps_block_rating *at = stream->ratings++;
    struct cps_block_rating now = at[0], later = at[CPS_BLOCK_AHEAD];
    prefetch_row(stream->movies, later.movie, shape->row_floats);
    prefetch_row(stream->users, later.user, shape->row_floats);
    float *user = stream->users + (size_t)now.user * shape->row_floats;
    float *movie = stream->movies + (size_t)now.movie * shape->row_floats;
    vec sums[CPS_LANES / WIDTH];
    dot_rows(user, movie, shape->vectors, sums);
    group->partial[k] = halved(sums);
    group->user[k] = user;
    group->movie[k] = movie;
    if (shape->adagrad) {
        group->user_squares[k] = squares_of(user, shape->vectors);
        group->movie_squares[k] = squares_of(movie, shape->vectors);
    }
}

/* Sets the current ratings: not one by one in memory, which would delay the load of all four. */
INLINE void set_ratings(struct group *group)
{
    const struct cps_block_stream *streams = group->streams;
    group->rating = (quad){streams[0].ratings[-1].rating, streams[1].ratings[-1].rating,
                           streams[2].ratings[-1].rating, streams[3].ratings[-1].rating};
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

/* Computes each row's step from the scores and their sigmoids. */
INLINE void slopes(const struct cps_block_rule *rule, struct group *group, const struct shape *shape)
{
    quad share = group->share;
    quad error = (shape->has_range ? rule->low + rule->span * share : group->score) - group->rating;
    add_losses(group, error, rule->loss_scale);
    quad slope = error + error;
    if (shape->has_range)
        slope = slope * (rule->span * (share * (1.0f - share)));
    if (!shape->adagrad) {
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

/* Updates the rows of the current rating of stream k. */
INLINE void move_one(struct group *group, int k, const struct shape *shape)
{
    float *user = group->user[k], *movie = group->movie[k];
    bool adagrad = shape->adagrad;
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
    for (uint32_t j = 1; j < shape->vectors; j++) {
        x = vec_load(user + j * WIDTH);
        y = vec_load(movie + j * WIDTH);
        vec_store(user + j * WIDTH, x * decay - user_reach * y);
        vec_store(movie + j * WIDTH, y * decay - movie_reach * x);
    }
}

/* Computes the dot products of the first ratings. */
INLINE void group_begin(struct group *group, struct cps_block_stream *streams, struct cps_block_supply *supply,
                        const struct shape *shape)
{
    group->streams = streams;
    group->supply = supply;
    group->loss = group->wild = (quad_words){0};
    for (int k = 0; k < GROUP; k++)
        begin_stream(group, k);
    for (int k = 0; k < GROUP; k++)
        dot_one(group, k, shape);
    set_ratings(group);
}

INLINE void group_end(struct group *group)
{
    for (int k = 0; k < GROUP; k++)
        take_loss(group, k);
}

/* Takes the current ratings of `group` from their dot products to their steps, and meanwhile moves the rows of
 * `other` and computes the dot products of its next ratings, unless these were the last. */
INLINE void half_step(const struct cps_block_rule *rule, struct group *group, struct group *other,
                      bool has_next, const struct shape *shape)
{
    group->score = (folded(group->partial) + 0.0f) + rule->offset;
    move_one(other, 0, shape);
    if (shape->has_range)
        sigmoid_exponent(group);
    move_one(other, 1, shape);
    if (has_next)
        dot_one(other, 0, shape);
    if (shape->has_range)
        sigmoid_begin(group);
    move_one(other, 2, shape);
    if (has_next)
        dot_one(other, 1, shape);
    if (shape->has_range)
        sigmoid_power(group);
    move_one(other, 3, shape);
    if (has_next)
        dot_one(other, 2, shape);
    if (shape->has_range)
        sigmoid_end(group);
    if (has_next)
        dot_one(other, 3, shape);
    slopes(rule, group, shape);
    if (has_next)
        set_ratings(other);
}

/* Takes the current ratings of a group from their dot products to their steps. */
INLINE void whole_chain(const struct cps_block_rule *rule, struct group *group, const struct shape *shape)
{
    group->score = (folded(group->partial) + 0.0f) + rule->offset;
    if (shape->has_range) {
        sigmoid_exponent(group);
        sigmoid_begin(group);
        sigmoid_power(group);
        sigmoid_end(group);
    }
    slopes(rule, group, shape);
}

INLINE void train_two_groups(const struct cps_block_rule *rule, struct cps_block_stream *streams,
                             uint32_t steps, struct cps_block_supply *supply, const struct shape *shape)
{
    struct group a, b;
    group_begin(&a, streams, supply, shape);
    group_begin(&b, streams + GROUP, supply, shape);
    whole_chain(rule, &a, shape);
    for (uint32_t step = 1; step < steps && !supply->stop; step++) {
        half_step(rule, &b, &a, true, shape);
        half_step(rule, &a, &b, true, shape);
    }
    half_step(rule, &b, &a, false, shape);
    _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++) move_one(&b, k, shape);
    group_end(&a);
    group_end(&b);
}

INLINE void train_one_group(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t steps,
                            struct cps_block_supply *supply, const struct shape *shape)
{
    struct group group;
    group_begin(&group, streams, supply, shape);
    whole_chain(rule, &group, shape);
    for (uint32_t step = 1; step < steps && !supply->stop; step++) {
        _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++)
        {
            move_one(&group, k, shape);
            dot_one(&group, k, shape);
        }
        set_ratings(&group);
        whole_chain(rule, &group, shape);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++) move_one(&group, k, shape);
    group_end(&group);
}

INLINE void train_streams(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t count,
                          uint32_t steps, struct cps_block_supply *supply, const struct shape shape)
{
    if (count == GROUP)
        train_one_group(rule, streams, steps, supply, &shape);
    else
        train_two_groups(rule, streams, steps, supply, &shape);
}

/* 50 factors, for which the loops are unrolled. */
enum { USUAL_VECTORS = (CPS_BLOCK_FACTORS + 50 + WIDTH - 1) / WIDTH, USUAL_STRIDE = 64 };

static void train(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t count,
                  uint32_t steps, struct cps_block_supply *supply)
{
    uint32_t vectors = (rule->width + WIDTH - 1) / WIDTH;
    if (vectors < CPS_LANES / WIDTH)
        vectors = CPS_LANES / WIDTH;
    if (steps == 0)
        return;
    if (rule->adagrad)
        train_streams(rule, streams, count, steps, supply,
                      (struct shape){rule->row_floats, vectors, rule->has_range, true});
    else if (vectors == USUAL_VECTORS && rule->row_floats == USUAL_STRIDE && rule->has_range)
        train_streams(rule, streams, count, steps, supply,
                      (struct shape){USUAL_STRIDE, USUAL_VECTORS, true, false});
    else
        train_streams(rule, streams, count, steps, supply,
                      (struct shape){rule->row_floats, vectors, rule->has_range, false});
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
