/*
 * The output on the terminal or in a log; see console.h.
 *
 *     epoch     train_loss  valid_loss  time      seconds
 *     0         0.931412    0.945120    00:02     2.13
 *     epoch 2/5 [########----------] 512/1,250  loss 0.8732  1.23 M ratings/s  0:04 left
 *
 * The table has the layout of fastai's console, so that two logs can be compared side by side. The last column
 * is for epochs shorter than a second, for which fastai's clock shows 00:00.
 */
#include "server/record/console.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/record/figures.h"

#define SECOND_NS UINT64_C(1000000000)
#define BAR_INTERVAL_NS (SECOND_NS / 10)
#define PLAIN_INTERVAL_NS (3 * SECOND_NS)
#define QUIET_FIRST_NS (5 * SECOND_NS) /* a run shorter than this needs no progress in a log */
#define PACE_FIRST_NS SECOND_NS        /* of measurement before the time left is shown */
#define QUIET_INTERVAL_NS (10 * SECOND_NS)
#define RATE_WINDOW_S 2.0
#define LINE_BYTES 512
#define BAR_MIN 10
#define BAR_MAX 40
#define ERASE_LINE "\r\033[K"

enum { LOSSES = 4 }; /* columns: train_loss, valid_loss, rmse, mae */

/* ---- start ---- */

static uint64_t interval_ns(const struct cps_console *self)
{
    if (self->draws)
        return BAR_INTERVAL_NS;
    return self->setup.progress == CPS_PROGRESS_PLAIN ? PLAIN_INTERVAL_NS : QUIET_INTERVAL_NS;
}

void cps_console_init(struct cps_console *self, const struct cps_console_setup *setup, uint64_t now_ns)
{
    *self = (struct cps_console){.setup = *setup};
    self->draws = setup->progress == CPS_PROGRESS_AUTO && setup->terminal.stream;
    bool quiet = setup->progress == CPS_PROGRESS_AUTO && !self->draws;
    self->next_ns = now_ns + (quiet ? QUIET_FIRST_NS : interval_ns(self));
}

/* ---- banner ---- */

static void print_data(FILE *stream, const struct cps_console_banner *banner)
{
    double cells = (double)banner->users * (double)banner->movies;
    if (banner->data)
        fprintf(stream, "  data    %s\n", banner->data);
    if (banner->columns)
        fprintf(stream, "          %s\n", banner->columns);
    fprintf(stream, "  ratings %s by %s users of %s movies", cps_figure_grouped(banner->ratings).text,
            cps_figure_grouped(banner->users).text, cps_figure_grouped(banner->movies).text);
    if (cells > 0)
        fprintf(stream, ", density %.3g %%", 100 * (double)banner->ratings / cells);
    fprintf(stream, "\n          %s to train on, %s to validate", cps_figure_grouped(banner->train).text,
            cps_figure_grouped(banner->valid).text);
    if (banner->bytes_per_rating > 0)
        fprintf(stream, ", %.1f bytes of memory each", banner->bytes_per_rating);
    fputc('\n', stream);
}

static void print_model(FILE *stream, const struct cps_console_banner *banner)
{
    fprintf(stream, "  model   %s, %u factor%s, ", banner->model, (unsigned)banner->factors,
            cps_plural(banner->factors));
    if (banner->has_range)
        fprintf(stream, "range %g to %g", banner->range_low, banner->range_high);
    else
        fprintf(stream, "no range");
    if (banner->offset != 0)
        fprintf(stream, ", offset %g", banner->offset);
    fprintf(stream, ", %s parameters\n", cps_figure_grouped(banner->parameters).text);
    if (banner->recipe)
        fprintf(stream, "  recipe  %s\n", banner->recipe);
    fprintf(stream, "  loss    mean squared error (MSE) of the predicted ratings\n");
}

static void print_hosts(FILE *stream, const struct cps_console_banner *banner)
{
    const size_t shown = 4;
    for (size_t i = 0; i < banner->host_count && i < shown; i++) {
        const struct cps_console_host *host = &banner->hosts[i];
        fprintf(stream, "%s%s", i ? ", " : "", host->name);
        if (banner->host_count > 1)
            fprintf(stream, " (%u)", (unsigned)host->ranks);
    }
    if (banner->host_count > shown)
        fprintf(stream, " and %zu more host%s", banner->host_count - shown,
                cps_plural(banner->host_count - shown));
}

/* Shown only for traffic between hosts. */
static const char *encryption(const struct cps_console_banner *banner)
{
    if (banner->host_count < 2 && !banner->encrypted)
        return "";
    return banner->encrypted ? ", encrypted" : ", not encrypted";
}

static void print_ranks(FILE *stream, const struct cps_console_banner *banner)
{
    if (banner->ranks == 1)
        fprintf(stream, "  ranks   1, in every role");
    else
        fprintf(stream, "  ranks   %u: 1 coordinator, %u server%s, %u worker%s", (unsigned)banner->ranks,
                (unsigned)banner->servers, cps_plural(banner->servers), (unsigned)banner->workers,
                cps_plural(banner->workers));
    if (banner->host_count > 0) {
        fprintf(stream, " on ");
        print_hosts(stream, banner);
    }
    fprintf(stream, "\n");
    if (banner->transport && banner->isa)
        fprintf(stream, "  rows    over %s%s%s%s, kernels %s", banner->transport, banner->network ? " in " : "",
                banner->network ? banner->network : "", encryption(banner), banner->isa);
    if (banner->transport && banner->isa && banner->threads)
        fprintf(stream, ", %u thread%s%s", (unsigned)banner->threads, cps_plural(banner->threads),
                banner->ranks > 1 ? " a rank" : "");
    if (banner->transport && banner->isa)
        fprintf(stream, "\n");
}

static void print_banner(FILE *stream, const struct cps_console_banner *banner)
{
    fprintf(stream, "collab-ps%s%s\n", banner->version ? " " : "", banner->version ? banner->version : "");
    print_data(stream, banner);
    print_model(stream, banner);
    if (banner->has_baselines)
        fprintf(stream, "  beat    valid_loss %.6f of the mean rating, %.6f of biases alone\n",
                banner->mean_loss, banner->biases_loss);
    print_ranks(stream, banner);
    if (banner->run_folder)
        fprintf(stream, "  run     %s\n", banner->run_folder);
}

/* Formatted in memory first, because stderr is unbuffered and other ranks write to it too. */
void cps_console_banner(const struct cps_console *self, const struct cps_console_banner *banner)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    print_banner(memory, banner);
    fclose(memory);
    if (text)
        fwrite(text, 1, length, self->setup.err);
    fflush(self->setup.err);
    free(text);
}

/* ---- table ---- */

/* The text before a row on standard output, which erases a bar that may be on its line. */
static const char *row_start(const struct cps_console *self)
{
    return self->draws && self->setup.terminal.shows_out ? ERASE_LINE : "";
}

static void print_row(struct cps_console *self, const char *epoch, const char *const losses[LOSSES],
                      const char *time, const char *seconds)
{
    const bool shown[LOSSES] = {true, true, self->setup.shows_rmse, self->setup.shows_mae};
    FILE *out = self->setup.out;
    cps_console_clear(self);
    fprintf(out, "%s%-10s", row_start(self), epoch);
    for (int i = 0; i < LOSSES; i++)
        if (shown[i])
            fprintf(out, "%-12s", losses[i]);
    fprintf(out, "%-10s%s\n", time, seconds);
    fflush(out);
}

void cps_console_table_header(struct cps_console *self)
{
    static const char *const losses[LOSSES] = {"train_loss", "valid_loss", "rmse", "mae"};
    print_row(self, "epoch", losses, "time", "seconds");
}

static struct cps_figure of_validation(const struct cps_console_epoch *epoch, double loss)
{
    return epoch->has_valid ? cps_figure_loss(loss) : cps_figure("None");
}

void cps_console_epoch(struct cps_console *self, const struct cps_console_epoch *epoch)
{
    const struct cps_figure figures[LOSSES] = {
        cps_figure_loss(epoch->train_loss), of_validation(epoch, epoch->valid_loss),
        of_validation(epoch, sqrt(epoch->valid_loss)), of_validation(epoch, epoch->valid_mae)};
    const char *const losses[LOSSES] = {figures[0].text, figures[1].text, figures[2].text, figures[3].text};
    print_row(self, cps_figure("%u", (unsigned)epoch->number).text, losses,
              cps_figure_duration(epoch->seconds, 2).text, cps_figure_seconds(epoch->seconds).text);
}

/* ---- progress ---- */

/* The progress of a run, formatted. */
struct standing {
    struct cps_figure epoch, steps, loss, rate, left;
    double done; /* share of the epoch, 0..1 */
};

/* Exponential smoothing over RATE_WINDOW_S, whatever the spacing of the calls. */
static void take_rate(struct cps_console *self, uint64_t steps, uint64_t now_ns)
{
    if (now_ns <= self->rate_ns || steps < self->rate_steps)
        return;
    double passed_s = (double)(now_ns - self->rate_ns) / (double)SECOND_NS;
    double rate = (double)(steps - self->rate_steps) / passed_s;
    double weight = self->steps_per_s > 0 ? 1 - exp(-passed_s / RATE_WINDOW_S) : 1;
    self->steps_per_s += weight * (rate - self->steps_per_s);
    self->rate_ns = now_ns;
    self->rate_steps = steps;
}

/* The time left for the whole run, from its average pace so far including validation. The first step is left
 * out, because it waits for the ranks to start, and so are very short times. */
static struct cps_figure time_left(const struct cps_console *self, uint64_t steps, uint64_t now_ns)
{
    uint64_t total = self->setup.epochs * self->setup.steps_per_epoch;
    if (now_ns - self->pace_ns < PACE_FIRST_NS || steps <= self->pace_steps || steps > total)
        return cps_figure("%s", "");
    double passed_s = (double)(now_ns - self->pace_ns) / (double)SECOND_NS;
    double each_s = passed_s / (double)(steps - self->pace_steps);
    return cps_figure("%s left", cps_figure_duration(each_s * (double)(total - steps), 1).text);
}

static struct standing take_standing(struct cps_console *self, uint32_t epoch, uint64_t step, double loss,
                                     uint64_t now_ns)
{
    uint64_t steps = epoch * self->setup.steps_per_epoch + step;
    take_rate(self, steps, now_ns);
    double per_epoch = (double)self->setup.steps_per_epoch;
    struct cps_figure of = cps_figure_grouped(self->setup.steps_per_epoch);
    int digits = self->draws ? (int)strlen(of.text) : 0; /* so that the bar keeps its width */
    return (struct standing){
        .epoch = cps_figure("epoch %u/%u", (unsigned)epoch + 1, (unsigned)self->setup.epochs),
        .steps = cps_figure("%*s/%s", digits, cps_figure_grouped(step).text, of.text),
        .loss = cps_figure("loss %.4f", loss),
        .rate = cps_figure_rate(self->steps_per_s * (double)self->setup.ratings_per_step),
        .left = time_left(self, steps, now_ns),
        .done = per_epoch > 0 ? fmin(1, (double)step / per_epoch) : 0,
    };
}

/* The pieces to the right of the bar: as many as leave BAR_MIN of columns for the bar. */
static size_t compose_tail(const struct standing *standing, size_t columns, char tail[LINE_BYTES])
{
    const char *const pieces[] = {standing->steps.text, standing->loss.text, standing->rate.text,
                                  standing->left.text};
    size_t used = 0;
    tail[0] = '\0';
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        size_t length = strlen(pieces[i]);
        if (length == 0)
            continue;
        if (used + 2 + length + BAR_MIN > columns)
            break;
        used += (size_t)snprintf(tail + used, LINE_BYTES - used, "%s%s", used ? "  " : " ", pieces[i]);
    }
    return used;
}

static void draw_bar(struct cps_console *self, const struct standing *standing)
{
    FILE *screen = self->setup.terminal.stream;
    char tail[LINE_BYTES], bar[BAR_MAX + 1];
    size_t columns = cps_terminal_columns(&self->setup.terminal);
    /* The last column stays free: some terminals wrap as soon as it is written. */
    size_t fixed = strlen(standing->epoch.text) + sizeof " []";
    size_t room = columns > fixed ? columns - fixed : 0;
    size_t width = room - compose_tail(standing, room, tail);
    width = width > BAR_MAX ? BAR_MAX : width;
    size_t filled = (size_t)(standing->done * (double)width);
    memset(bar, '#', filled);
    memset(bar + filled, '-', width - filled);
    bar[width] = '\0';
    if (width >= BAR_MIN)
        fprintf(screen, "\r\033[K%s [%s]%s", standing->epoch.text, bar, tail);
    else
        fprintf(screen, "\r\033[K%.*s", (int)columns - 1, standing->epoch.text);
    fflush(screen);
    self->bar_shown = true;
}

static void print_line(const struct cps_console *self, const struct standing *standing)
{
    const char *left = standing->left.text;
    fprintf(self->setup.err, "%s, step %s: %s, %s%s%s\n", standing->epoch.text, standing->steps.text,
            standing->loss.text, standing->rate.text, *left ? ", " : "", left);
    fflush(self->setup.err);
}

/* Rate and time left are measured from the end of the first step on. */
static void set_out(struct cps_console *self, uint64_t steps, uint64_t now_ns)
{
    self->pace_ns = self->rate_ns = now_ns;
    self->pace_steps = self->rate_steps = steps;
}

void cps_console_step(struct cps_console *self, uint32_t epoch, uint64_t step, double loss, uint64_t now_ns)
{
    if (self->setup.progress == CPS_PROGRESS_NONE)
        return;
    if (self->pace_ns == 0)
        set_out(self, epoch * self->setup.steps_per_epoch + step, now_ns);
    if (now_ns < self->next_ns)
        return;
    struct standing standing = take_standing(self, epoch, step, loss, now_ns);
    self->next_ns = now_ns + interval_ns(self);
    if (self->draws)
        draw_bar(self, &standing);
    else
        print_line(self, &standing);
}

void cps_console_clear(struct cps_console *self)
{
    FILE *screen = self->setup.terminal.stream;
    if (!self->bar_shown)
        return;
    fputs(ERASE_LINE, screen);
    fflush(screen);
    self->bar_shown = false;
}

/* ---- end ---- */

/* Prints the losses of the baselines and whether the model is better. */
static void print_baselines(FILE *out, const struct cps_console_summary *summary)
{
    if (!summary->has_baselines)
        return;
    const struct cps_console_epoch *best = &summary->best;
    bool beats = best->valid_loss < summary->biases_loss;
    fprintf(out, "baselines     mean %.6f, biases %.6f\n", summary->mean_loss, summary->biases_loss);
    if (summary->has_epochs && best->has_valid && !beats)
        fprintf(out, "              the model is no better than %s\n",
                best->valid_loss < summary->mean_loss ? "biases alone" : "the mean rating");
}

static void print_epoch(FILE *out, const char *which, const struct cps_console_epoch *epoch)
{
    fprintf(out, "%s    %u, ", which, (unsigned)epoch->number);
    if (epoch->has_valid)
        fprintf(out, "valid_loss %.6f, RMSE %.4f, MAE %.4f\n", epoch->valid_loss, sqrt(epoch->valid_loss),
                epoch->valid_mae);
    else
        fprintf(out, "train_loss %.6f\n", epoch->train_loss);
}

/* Prints the best epoch and that of the saved model. */
static void print_epochs(FILE *out, const struct cps_console_epoch *best, const struct cps_console_epoch *last)
{
    print_epoch(out, "best epoch", best);
    if (last->number != best->number)
        print_epoch(out, "last epoch", last);
}

static void print_early_stop(FILE *out, const struct cps_console_summary *summary)
{
    if (summary->patience)
        fprintf(out, "early stop    after %u of %u epochs: valid_loss was not below that of epoch %u for %u\n",
                (unsigned)summary->last.number + 1, (unsigned)summary->planned_epochs,
                (unsigned)summary->best.number, (unsigned)summary->patience);
}

void cps_console_summary(struct cps_console *self, const struct cps_console_summary *summary)
{
    FILE *out = self->setup.out;
    cps_console_clear(self);
    fprintf(out, "%s\n", row_start(self));
    if (summary->has_epochs)
        print_epochs(out, &summary->best, &summary->last);
    print_early_stop(out, summary);
    print_baselines(out, summary);
    if (summary->model_path)
        fprintf(out, "model         %s\n", summary->model_path);
    if (summary->best_path)
        fprintf(out, "best model    %s\n", summary->best_path);
    if (summary->model_sha256)
        fprintf(out, "model sha256  %s\n", summary->model_sha256);
    if (summary->curve_sha256)
        fprintf(out, "curve sha256  %s\n", summary->curve_sha256);
    struct cps_figure time = summary->seconds < 60 ? cps_figure("%.2f s", summary->seconds)
                                                   : cps_figure_duration(summary->seconds, 1);
    fprintf(out, "time          %s", time.text);
    if (summary->seconds > 0 && summary->ratings > 0)
        fprintf(out, ", %s", cps_figure_rate((double)summary->ratings / summary->seconds).text);
    fputs("\n", out);
    fflush(out);
}

enum cps_status cps_console_finish(struct cps_console *self)
{
    cps_console_clear(self);
    errno = 0;
    if (fflush(self->setup.out) == 0 && !ferror(self->setup.out))
        return CPS_OK;
    return cps_fail(CPS_ERR_STORAGE, "cannot write to the standard output%s%s", errno ? ": " : "",
                    errno ? strerror(errno) : "");
}
