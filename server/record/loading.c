/* Shows the progress of reading; see loading.h. */
#include "server/record/loading.h"

#include "server/record/figures.h"

#define SECOND_NS UINT64_C(1000000000)
#define DRAW_INTERVAL_NS (SECOND_NS / 10)
#define PLAIN_INTERVAL_NS (3 * SECOND_NS)
#define QUIET_FIRST_NS (5 * SECOND_NS)
#define QUIET_INTERVAL_NS (10 * SECOND_NS)

static uint64_t first_ns(const struct cps_loading *self)
{
    if (self->draws)
        return DRAW_INTERVAL_NS;
    return self->progress == CPS_PROGRESS_PLAIN ? PLAIN_INTERVAL_NS : QUIET_FIRST_NS;
}

static uint64_t interval_ns(const struct cps_loading *self)
{
    if (self->draws)
        return DRAW_INTERVAL_NS;
    return self->progress == CPS_PROGRESS_PLAIN ? PLAIN_INTERVAL_NS : QUIET_INTERVAL_NS;
}

static void draw(struct cps_loading *self, const char *text)
{
    fprintf(self->terminal.stream, "\r\033[K%s", text);
    fflush(self->terminal.stream);
    self->shown = true;
}

void cps_loading_begin(struct cps_loading *self, const struct cps_terminal *terminal, FILE *err,
                       enum cps_progress progress, uint64_t now_ns)
{
    *self = (struct cps_loading){.terminal = *terminal,
                                 .err = err,
                                 .progress = progress,
                                 .draws = progress == CPS_PROGRESS_AUTO && terminal->stream};
    self->next_ns = now_ns + first_ns(self);
    if (self->draws)
        draw(self, "reading ratings");
}

void cps_loading_step(struct cps_loading *self, uint64_t ratings, uint64_t now_ns)
{
    if (self->progress == CPS_PROGRESS_NONE || now_ns < self->next_ns)
        return;
    struct cps_figure line = cps_figure("reading ratings: %s so far", cps_figure_grouped(ratings).text);
    if (self->draws)
        draw(self, line.text);
    else
        fprintf(self->err, "%s\n", line.text);
    self->next_ns = now_ns + interval_ns(self);
}

void cps_loading_end(struct cps_loading *self)
{
    if (!self->shown)
        return;
    draw(self, "");
    self->shown = false;
}
