/*
 * The reference kernels of the block solver, one rating at a time, which define every bit. A test checks that
 * the vector builds equal them.
 */
#include <math.h>
#include <string.h>

#include "common/model/block_kernels.h"
#include "common/model/residual.h"

static const double MAGIC = 0x1.8p52;
static const int64_t MAGIC_BITS = 0x4338000000000000;
static const double LOSS_LIMIT = 0x1p51;
static const float ADAGRAD_EPSILON = 1e-10f;

static float fold(float lanes[CPS_LANES])
{
    for (int half = CPS_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* The score, its biases included. Adding 0 makes a zero positive, so that builds which skip padding agree. */
static float score_of(const struct cps_block_rule *rule, const float *x, const float *y)
{
    float lanes[CPS_LANES];
    for (uint32_t l = 0; l < CPS_LANES; l++)
        lanes[l] = x[l] * y[l];
    for (uint32_t j = CPS_LANES; j < rule->stride; j++)
        lanes[j % CPS_LANES] += x[j] * y[j];
    return fold(lanes) + 0.0f;
}

/* Sum of the squares of a row's factors. */
static float squares_of(const struct cps_block_rule *rule, const float *x)
{
    float lanes[CPS_LANES];
    for (uint32_t l = 0; l < CPS_LANES; l++)
        lanes[l] = l < CPS_BLOCK_FACTORS ? 0.0f : x[l] * x[l];
    for (uint32_t j = CPS_LANES; j < rule->stride; j++)
        lanes[j % CPS_LANES] += x[j] * x[j];
    return fold(lanes);
}

/* Adds error² to the stream's loss, and returns the derivative of error² by the score. */
static float slope_of(const struct cps_block_rule *rule, float score, float rating,
                      struct cps_block_stream *stream)
{
    float share = rule->has_range ? cps_sigmoid(score) : 0.0f;
    float error = (rule->has_range ? rule->low + rule->span * share : score) - rating;
    double units = (double)error * (double)error * rule->loss_scale, rounded = units + MAGIC;
    int64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    stream->wild |= !(units < LOSS_LIMIT);
    stream->loss = (int64_t)((uint64_t)stream->loss + ((uint64_t)bits - (uint64_t)MAGIC_BITS));
    float twice = error + error;
    return rule->has_range ? twice * (rule->span * (share * (1.0f - share))) : twice;
}

/* The length of a step: the rates of the factors and of the bias, times the slope. */
struct reach {
    float factors, bias;
};

/* Row-wise AdaGrad: h of the factors grows by the mean of their squared gradients, h of the bias by its own. */
static struct reach reach_of(const struct cps_block_rule *rule, float *row, float slope, float rate,
                             float other_squares)
{
    if (!rule->adagrad)
        return (struct reach){slope * rate, slope * rate};
    float *history = row + rule->stride, square = slope * slope;
    history[0] += square * other_squares / rule->factors;
    history[1] += square;
    return (struct reach){slope * (rate / (sqrtf(history[0]) + ADAGRAD_EPSILON)),
                          slope * (rate / (sqrtf(history[1]) + ADAGRAD_EPSILON))};
}

static float moved(float x, float decay, float reach, float other)
{
    return x * decay - reach * other;
}

static void train_rating(const struct cps_block_rule *rule, struct cps_block_stream *stream)
{
    const struct cps_block_rating *at = stream->ratings++;
    float *user = stream->users + (size_t)at->user * rule->row_floats;
    float *movie = stream->movies + (size_t)at->movie * rule->row_floats;
    float slope = slope_of(rule, score_of(rule, user, movie) + rule->offset, at->rating, stream);
    float user_squares = rule->adagrad ? squares_of(rule, user) : 0.0f;
    float movie_squares = rule->adagrad ? squares_of(rule, movie) : 0.0f;
    struct reach by_user = reach_of(rule, user, slope, stream->rate, movie_squares);
    struct reach by_movie = reach_of(rule, movie, slope, stream->rate, user_squares);
    float user_bias = user[CPS_BLOCK_BIAS], movie_one = movie[CPS_BLOCK_BIAS];
    float user_one = user[CPS_BLOCK_ONE], movie_bias = movie[CPS_BLOCK_ONE];
    for (uint32_t j = CPS_BLOCK_FACTORS; j < rule->stride; j++) {
        float x = user[j], y = movie[j];
        user[j] = moved(x, stream->decay, by_user.factors, y);
        movie[j] = moved(y, stream->decay, by_movie.factors, x);
    }
    user[CPS_BLOCK_BIAS] = moved(user_bias, stream->bias_decay, by_user.bias, movie_one);
    movie[CPS_BLOCK_ONE] = moved(movie_bias, stream->bias_decay, by_movie.bias, user_one);
}

static void train(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t count,
                  uint32_t steps, struct cps_block_supply *supply)
{
    for (uint32_t step = 0; step < steps && !supply->stop; step++)
        for (uint32_t k = 0; k < count; k++) {
            if (streams[k].ratings == streams[k].end)
                supply->next(supply->context, &streams[k]);
            train_rating(rule, &streams[k]);
        }
}

static void scores(const struct cps_block_rule *rule, const float *users, const float *movies,
                   const struct cps_block_rating *ratings, size_t count, float *restrict score)
{
    for (size_t i = 0; i < count; i++)
        score[i] = score_of(rule, users + (size_t)ratings[i].user * rule->row_floats,
                            movies + (size_t)ratings[i].movie * rule->row_floats);
}

const struct cps_block_kernels cps_block_kernels_scalar = {.train = train, .scores = scores};
