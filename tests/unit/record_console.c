/* The console: exact text on pipes, and a bar on a pseudo-terminal, at times we say. */
#include "server/record/console.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/record/loading.h"

#define SECOND UINT64_C(1000000000)
#define END_MARK '\a'

/* What the console wrote, collected in temporary files or from a terminal. */
struct screen {
    FILE *out, *err;
    int terminal; /* our end of the pseudo-terminal, or -1 */
    char text[8192];
};

static void open_screen(struct screen *screen, unsigned short columns)
{
    *screen = (struct screen){.out = tmpfile(), .terminal = -1};
    if (columns == 0) {
        screen->err = tmpfile();
        return;
    }
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    screen->terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(screen->terminal >= 0);
    assert_int_equal(grantpt(screen->terminal) | unlockpt(screen->terminal), 0);
    screen->err = fopen(ptsname(screen->terminal), "w");
    assert_non_null(screen->err);
    assert_int_equal(ioctl(screen->terminal, TIOCSWINSZ, &size), 0);
}

static void close_screen(struct screen *screen)
{
    fclose(screen->out);
    fclose(screen->err);
    if (screen->terminal >= 0)
        close(screen->terminal);
}

static const char *text_of(struct screen *screen, FILE *stream)
{
    size_t count = 0;
    fflush(stream);
    if (stream == screen->err && screen->terminal >= 0) {
        /* A terminal hands over what was written piecemeal and late: read up to a mark. */
        fputc(END_MARK, stream);
        fflush(stream);
        while (count == 0 || screen->text[count - 1] != END_MARK) {
            ssize_t got = read(screen->terminal, screen->text + count, sizeof screen->text - 1 - count);
            assert_true(got > 0);
            count += (size_t)got;
        }
        count--;
    } else {
        rewind(stream);
        count = fread(screen->text, 1, sizeof screen->text - 1, stream);
    }
    screen->text[count] = '\0';
    return screen->text;
}

static struct cps_console start(struct screen *screen, enum cps_progress progress)
{
    struct cps_console console;
    struct cps_console_setup setup = {.out = screen->out,
                                      .err = screen->err,
                                      .progress = progress,
                                      .epochs = 5,
                                      .steps_per_epoch = 1250,
                                      .ratings_per_step = 64};
    setenv("TERM", "xterm", 1);
    unsetenv("OMPI_COMM_WORLD_SIZE"); /* of an mpirun that these tests may run under */
    cps_terminal_find(&setup.terminal, screen->err);
    cps_console_init(&console, &setup, 7 * SECOND);
    return console;
}

static void table_is_that_of_fastai(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
    static const struct cps_console_epoch epochs[] = {
        {0, 1.3131271, true, 1.2, 0.9, 7.9}, {1, 1, true, 1, 1, 0.02534}, {10, 0.5, false, 0, 0, 3725}};
    cps_console_table_header(&console);
    for (size_t i = 0; i < 3; i++)
        cps_console_epoch(&console, &epochs[i]);
    assert_int_equal(cps_console_finish(&console), CPS_OK);
    assert_string_equal(text_of(&screen, screen.out), "epoch     train_loss  valid_loss  time      seconds\n"
                                                      "0         1.313127    1.200000    00:07     7.90\n"
                                                      "1         1.000000    1.000000    00:00     0.0253\n"
                                                      "10        0.500000    None        1:02:05   3725\n");
    assert_string_equal(text_of(&screen, screen.err), "");
    close_screen(&screen);
}

/* Large losses keep their columns apart; metrics stand before the time, as fastai has them. */
static void metrics_have_columns(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
    console.setup.shows_rmse = console.setup.shows_mae = true;
    static const struct cps_console_epoch epochs[] = {{0, 412008.1234567, true, 1e12, 123456789.25, 1},
                                                      {1, 0.5, true, 0.81, 0.7, 1},
                                                      {2, (double)NAN, false, 0, 0, 1}};
    cps_console_table_header(&console);
    for (size_t i = 0; i < 3; i++)
        cps_console_epoch(&console, &epochs[i]);
    assert_string_equal(text_of(&screen, screen.out),
                        "epoch     train_loss  valid_loss  rmse        mae         time      seconds\n"
                        "0         412008.123  1.000e+12   1000000.00  123456789   00:01     1.00\n"
                        "1         0.500000    0.810000    0.900000    0.700000    00:01     1.00\n"
                        "2         nan         None        None        None        00:01     1.00\n");
    close_screen(&screen);
}

static void banner_says_who_does_what(void **state)
{
    (void)state;
    static const struct cps_console_host hosts[] = {{"a", 1}, {"b", 2}, {"c", 1}, {"d", 1}, {"e", 1}};
    struct cps_console_banner banner = {.version = "0.1.0",
                                        .data = "MovieLens 100k in 'x'",
                                        .ratings = 100000,
                                        .train = 80000,
                                        .valid = 20000,
                                        .users = 943,
                                        .movies = 1664,
                                        .model = "bias",
                                        .factors = 50,
                                        .has_range = true,
                                        .range_high = 5.5,
                                        .parameters = 133059,
                                        .recipe = "adam",
                                        .ranks = 6,
                                        .servers = 1,
                                        .workers = 4,
                                        .hosts = hosts,
                                        .host_count = 5,
                                        .transport = "mpi", .network = "10.1.0.0/16",
                                        .isa = "avx2",
                                        .threads = 2,
                                        .run_folder = "r"};
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_NONE);
    cps_console_banner(&console, &banner);
    assert_string_equal(
        text_of(&screen, screen.err),
        "collab-ps 0.1.0\n"
        "  data    MovieLens 100k in 'x'\n"
        "  ratings 100,000 by 943 users of 1,664 movies, density 6.37 %\n"
        "          80,000 to train on, 20,000 to validate\n"
        "  model   bias, 50 factors, range 0 to 5.5, 133,059 parameters\n"
        "  recipe  adam\n"
        "  loss    mean squared error (MSE) of the predicted ratings\n"
        "  ranks   6: 1 coordinator, 1 server, 4 workers on a (1), b (2), c (1), d (1) and 1 more "
        "host\n"
        "  rows    over mpi in 10.1.0.0/16, not encrypted, kernels avx2, 2 threads a rank\n"
        "  run     r\n");
    close_screen(&screen);
}

static void short_banner_has_no_gaps(void **state)
{
    (void)state;
    struct cps_console_banner banner = {.model = "dot", .factors = 1, .ranks = 1};
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_NONE);
    cps_console_banner(&console, &banner);
    assert_string_equal(text_of(&screen, screen.err),
                        "collab-ps\n"
                        "  ratings 0 by 0 users of 0 movies\n"
                        "          0 to train on, 0 to validate\n"
                        "  model   dot, 1 factor, no range, 0 parameters\n"
                        "  loss    mean squared error (MSE) of the predicted ratings\n"
                        "  ranks   1, in every role\n");
    close_screen(&screen);
}

/* Lines of progress in seconds of a run that does 100 steps a second. */
static void plain_lines_are_rare(void **state)
{
    (void)state;
    static const struct {
        enum cps_progress progress;
        unsigned seconds, lines;
    } cases[] = {
        {CPS_PROGRESS_NONE, 60, 0}, {CPS_PROGRESS_AUTO, 4, 0},  {CPS_PROGRESS_AUTO, 5, 1},
        {CPS_PROGRESS_AUTO, 26, 3}, {CPS_PROGRESS_PLAIN, 2, 0}, {CPS_PROGRESS_PLAIN, 31, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        open_screen(&screen, 0);
        struct cps_console console = start(&screen, cases[i].progress);
        for (unsigned step = 1; step <= cases[i].seconds * 100; step++)
            cps_console_step(&console, step / 1251, step % 1251, 0.5, 7 * SECOND + step * (SECOND / 100));
        unsigned lines = 0;
        for (const char *c = text_of(&screen, screen.err); *c; c++)
            lines += *c == '\n';
        assert_int_equal(lines, cases[i].lines);
        close_screen(&screen);
    }
}

static void plain_line_reads_well(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_PLAIN);
    cps_console_step(&console, 0, 1, 1, 7 * SECOND);
    cps_console_step(&console, 1, 1000, 0.87321, 7 * SECOND + 5 * SECOND);
    assert_string_equal(text_of(&screen, screen.err),
                        "epoch 2/5, step 1,000/1,250: loss 0.8732, 29 k ratings/s, 0:08 left\n");
    close_screen(&screen);
}

/* The ranks need 3 s to get going, then do 1,000 steps a second. */
static void first_steps_promise_nothing(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 120);
    struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
    cps_console_step(&console, 0, 1, 0.5, 10 * SECOND);
    assert_null(strstr(text_of(&screen, screen.err), "left"));
    cps_console_step(&console, 0, 501, 0.5, 10 * SECOND + SECOND / 2);
    assert_null(strstr(text_of(&screen, screen.err), "left"));
    cps_console_step(&console, 0, 1001, 0.5, 11 * SECOND);
    assert_non_null(strstr(text_of(&screen, screen.err), "0:05 left"));
    close_screen(&screen);
}

static void bar_fits_the_terminal(void **state)
{
    (void)state;
    static const struct {
        unsigned short columns;
        const char *text;
    } cases[] = {
        {120, "\r\033[Kepoch 2/5 [####################--------------------]   625/1,250  loss 0.8732  "
              "120 k ratings/s  0:02 left"},
        {80, "\r\033[Kepoch 2/5 [#######-------]   625/1,250  loss 0.8732  120 k ratings/s  0:02 left"},
        {70, "\r\033[Kepoch 2/5 [#######--------]   625/1,250  loss 0.8732  120 k ratings/s"},
        {40, "\r\033[Kepoch 2/5 [#######--------]   625/1,250"},
        {24, "\r\033[Kepoch 2/5 [#####------]"},
        {12, "\r\033[Kepoch 2/5"},
        {5, "\r\033[Kepoc"},
        {1, "\r\033[K"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        open_screen(&screen, cases[i].columns);
        struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
        cps_console_step(&console, 0, 0, 0.87321, 7 * SECOND); /* too early to be drawn */
        cps_console_step(&console, 1, 625, 0.87321, 8 * SECOND);
        assert_string_equal(text_of(&screen, screen.err), cases[i].text);
        close_screen(&screen);
    }
}

static void bar_is_redrawn_ten_times_a_second_and_cleared(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 80);
    struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
    for (unsigned step = 1; step <= 1000; step++)
        cps_console_step(&console, 0, step, 0.5, 7 * SECOND + step * (SECOND / 1000));
    unsigned redrawn = 0;
    for (const char *c = text_of(&screen, screen.err); *c; c++)
        redrawn += *c == '\r';
    assert_int_equal(redrawn, 10);
    cps_console_epoch(&console, &(struct cps_console_epoch){0});
    assert_string_equal(text_of(&screen, screen.err), "\r\033[K");
    cps_console_clear(&console);
    assert_string_equal(text_of(&screen, screen.err), "");
    close_screen(&screen);
}

static void dumb_terminal_has_no_bar(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 80);
    struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
    setenv("TERM", "dumb", 1);
    struct cps_console_setup setup = console.setup;
    cps_terminal_find(&setup.terminal, screen.err);
    cps_console_init(&console, &setup, 0);
    assert_false(console.draws);
    close_screen(&screen);
}

/* A resumed run's rate and time left count from where it took up. */
static void resumed_run_counts_its_own_steps(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 0);
    struct cps_console console = start(&screen, CPS_PROGRESS_PLAIN);
    cps_console_step(&console, 4, 0, 0.5, 7 * SECOND);
    cps_console_step(&console, 4, 250, 0.5, 17 * SECOND);
    assert_string_equal(text_of(&screen, screen.err),
                        "epoch 5/5, step 250/1,250: loss 0.5000, 1600 ratings/s, 0:40 left\n");
    close_screen(&screen);
}

#define BASELINES .has_baselines = true, .mean_loss = 1.25, .biases_loss = 0.9

static void summary_names_the_best(void **state)
{
    (void)state;
    static const struct {
        struct cps_console_summary summary;
        const char *text;
    } cases[] = {
        {{.has_epochs = true,
          .best = {4, 0.5, true, 0.81, 0.7, 1},
          .last = {4, 0.5, true, 0.81, 0.7, 1},
          .model_path = "r/model.safetensors",
          .model_sha256 = "aa",
          .curve_sha256 = "bb",
          .seconds = 1.25,
          .ratings = 400000},
         "\nbest epoch    4, valid_loss 0.810000, RMSE 0.9000, MAE 0.7000\n"
         "model         r/model.safetensors\nmodel sha256  aa\n"
         "curve sha256  bb\ntime          1.25 s, 320 k ratings/s\n"},
        {{.has_epochs = true,
          .best = {3, 0.5, true, 0.64, 0.6, 1},
          .last = {4, 0.4, true, 0.81, 0.7, 1},
          .model_path = "r/model.safetensors",
          .best_path = "r/model-best.safetensors"},
         "\nbest epoch    3, valid_loss 0.640000, RMSE 0.8000, MAE 0.6000\n"
         "last epoch    4, valid_loss 0.810000, RMSE 0.9000, MAE 0.7000\n"
         "model         r/model.safetensors\nbest model    r/model-best.safetensors\n"
         "time          0.00 s\n"},
        {{.has_epochs = true, .best = {.train_loss = 0.5}, .last = {.train_loss = 0.5}, .seconds = 125},
         "\nbest epoch    0, train_loss 0.500000\n"
         "time          2:05\n"},
        {{.seconds = 0}, "\ntime          0.00 s\n"},
        {{.has_epochs = true, .best = {.has_valid = true, .valid_loss = 0.8}, .last = {.number = 0}, BASELINES},
         "\nbest epoch    0, valid_loss 0.800000, RMSE 0.8944, MAE 0.0000\nbaselines     mean 1.250000, biases "
         "0.900000\n"
         "time          0.00 s\n"},
        {{.has_epochs = true, .best = {.has_valid = true, .valid_loss = 0.9}, .last = {.number = 0}, BASELINES},
         "\nbest epoch    0, valid_loss 0.900000, RMSE 0.9487, MAE 0.0000\nbaselines     mean 1.250000, biases "
         "0.900000\n"
         "              the model is no better than biases alone\ntime          0.00 s\n"},
        {{.has_epochs = true, .best = {.has_valid = true, .valid_loss = 2}, .last = {.number = 0}, BASELINES},
         "\nbest epoch    0, valid_loss 2.000000, RMSE 1.4142, MAE 0.0000\nbaselines     mean 1.250000, biases "
         "0.900000\n"
         "              the model is no better than the mean rating\ntime          0.00 s\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        open_screen(&screen, 0);
        struct cps_console console = start(&screen, CPS_PROGRESS_AUTO);
        cps_console_summary(&console, &cases[i].summary);
        assert_string_equal(text_of(&screen, screen.out), cases[i].text);
        close_screen(&screen);
    }
}

static void lost_output_is_an_error(void **state)
{
    (void)state;
    struct screen screen;
    open_screen(&screen, 0);
    fclose(screen.out);
    screen.out = fopen("/dev/full", "w");
    struct cps_console console = start(&screen, CPS_PROGRESS_NONE);
    cps_console_table_header(&console);
    assert_int_equal(cps_console_finish(&console), CPS_ERR_STORAGE);
    assert_non_null(strstr(cps_error_text(), "standard output"));
    close_screen(&screen);
}

/* Reading for seconds, 100,000 ratings each. */
static void reading_is_counted(void **state)
{
    (void)state;
    static const struct {
        unsigned short columns;
        enum cps_progress progress;
        unsigned seconds;
        const char *text;
    } cases[] = {
        {80, CPS_PROGRESS_AUTO, 1, "\r\033[Kreading ratings\r\033[Kreading ratings: 100,000 so far\r\033[K"},
        {80, CPS_PROGRESS_NONE, 60, ""},
        {0, CPS_PROGRESS_AUTO, 4, ""},
        {0, CPS_PROGRESS_AUTO, 16, "reading ratings: 500,000 so far\nreading ratings: 1,500,000 so far\n"},
        {0, CPS_PROGRESS_PLAIN, 3, "reading ratings: 300,000 so far\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen screen;
        struct cps_loading loading;
        open_screen(&screen, cases[i].columns);
        struct cps_console console = start(&screen, cases[i].progress);
        cps_loading_begin(&loading, &console.setup.terminal, screen.err, cases[i].progress, SECOND);
        for (unsigned second = 1; second <= cases[i].seconds; second++)
            cps_loading_step(&loading, second * UINT64_C(100000), SECOND + second * SECOND);
        cps_loading_end(&loading);
        assert_string_equal(text_of(&screen, screen.err), cases[i].text);
        close_screen(&screen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_that_of_fastai),
        cmocka_unit_test(metrics_have_columns),
        cmocka_unit_test(banner_says_who_does_what),
        cmocka_unit_test(short_banner_has_no_gaps),
        cmocka_unit_test(plain_lines_are_rare),
        cmocka_unit_test(plain_line_reads_well),
        cmocka_unit_test(first_steps_promise_nothing),
        cmocka_unit_test(bar_fits_the_terminal),
        cmocka_unit_test(bar_is_redrawn_ten_times_a_second_and_cleared),
        cmocka_unit_test(dumb_terminal_has_no_bar),
        cmocka_unit_test(resumed_run_counts_its_own_steps),
        cmocka_unit_test(summary_names_the_best),
        cmocka_unit_test(lost_output_is_an_error),
        cmocka_unit_test(reading_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
