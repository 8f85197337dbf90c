/* metrics.jsonl: each line an object, its numbers those of the csv files, none lost or halved. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>

#include "common/store/metrics.h"
#include "common/store/run_folder.h"
#include "tests/unit/store_files.h"

static struct cps_run_folder folder;
static struct cps_metrics metrics;

static int open_metrics(void **state)
{
    if (make_test_folder(state) != 0 || cps_run_folder_open(&folder, test_folder, false, 0, 0) != CPS_OK)
        return -1;
    return cps_metrics_open(&metrics, &folder, 0xabc) == CPS_OK ? 0 : -1;
}

static int close_metrics(void **state)
{
    cps_metrics_close(&metrics);
    cps_run_folder_close(&folder);
    return remove_test_folder(state);
}

static void add(uint64_t step, uint32_t epoch, uint64_t wall_us, const char *name, double value)
{
    const struct cps_metrics_place place = {step, epoch, wall_us};
    assert_int_equal(cps_metrics_add(&metrics, &place, name, value), CPS_OK);
}

static void assert_lines(const char *expected)
{
    size_t size;
    char *text = read_bytes(in_folder("metrics.jsonl"), &size);
    assert_string_equal(text, expected);
    free(text);
}

static void lines_appear_with_each_flush(void **state)
{
    (void)state;
    static const char first[] =
        "{\"run\":\"0000000000000abc\",\"step\":0,\"epoch\":0,\"wall\":1795497311.000250,"
        "\"name\":\"step/loss\",\"value\":13.9876543}\n";
    static const char second[] =
        "{\"run\":\"0000000000000abc\",\"step\":18446744073709551615,\"epoch\":4294967295,"
        "\"wall\":0.000000,\"name\":\"epoch/valid_loss\",\"value\":null}\n";
    char both[sizeof first + sizeof second];
    add(0, 0, 1795497311000250, "step/loss", 13.9876543219);
    assert_lines("");
    assert_int_equal(cps_metrics_flush(&metrics), CPS_OK);
    assert_lines(first);
    add(UINT64_MAX, UINT32_MAX, 0, "epoch/valid_loss", NAN);
    assert_int_equal(cps_metrics_close(&metrics), CPS_OK);
    snprintf(both, sizeof both, "%s%s", first, second);
    assert_lines(both);
}

/* What a line has in common with the one before is laid out once; whatever differs must show. */
static void every_part_of_an_event_is_its_own(void **state)
{
    (void)state;
    static const struct {
        uint64_t step;
        uint32_t epoch;
        uint64_t wall_us;
        const char *name;
        double value;
    } events[] = {
        {9, 0, 1000000, "step/loss", 0.5},       {10, 0, 1000000, "step/loss", 0.25},
        {10, 1, 1000000, "step/loss", INFINITY}, {10, 1, 1000001, "step/loss", 1e-30},
        {10, 1, 1000001, "step/lr", -1e300},     {1234567890123, 1, 1000001, "step/lr", 0},
    };
    enum { EVENTS = sizeof events / sizeof events[0] };
    size_t size;
    for (size_t i = 0; i < EVENTS; i++)
        add(events[i].step, events[i].epoch, events[i].wall_us, events[i].name, events[i].value);
    assert_int_equal(cps_metrics_flush(&metrics), CPS_OK);
    char *text = read_bytes(in_folder("metrics.jsonl"), &size), *next = text;
    for (size_t i = 0; i < EVENTS; i++) {
        char *end = strchr(next, '\n');
        json_t *event = json_loadb(next, (size_t)(end - next), JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(json_object_size(event), 6);
        assert_string_equal(json_string_value(json_object_get(event, "run")), "0000000000000abc");
        assert_int_equal(json_integer_value(json_object_get(event, "step")), events[i].step);
        assert_int_equal(json_integer_value(json_object_get(event, "epoch")), events[i].epoch);
        assert_true(fabs(json_number_value(json_object_get(event, "wall")) - (double)events[i].wall_us * 1e-6) <
                    1e-9);
        assert_string_equal(json_string_value(json_object_get(event, "name")), events[i].name);
        const json_t *value = json_object_get(event, "value");
        assert_int_equal(json_is_null(value), !isfinite(events[i].value));
        if (json_is_number(value))
            assert_true(fabs(json_number_value(value) - events[i].value) <= 1e-9 * fabs(events[i].value));
        json_decref(event);
        next = end + 1;
    }
    assert_true(next == text + size);
    free(text);
}

/* /dev/full takes no byte, as a full disk does. */
static void full_disk_is_told_and_lines_are_kept(void **state)
{
    (void)state;
    add(0, 0, 0, "step/loss", 1);
    int file = metrics.file.fd;
    metrics.file.fd = open("/dev/full", O_WRONLY);
    assert_int_equal(cps_metrics_flush(&metrics), CPS_ERR_STORAGE);
    assert_contains(cps_error_text(), "metrics.jsonl");
    close(metrics.file.fd);
    metrics.file.fd = file;
    assert_int_equal(cps_metrics_close(&metrics), CPS_OK);
    assert_lines(
        "{\"run\":\"0000000000000abc\",\"step\":0,\"epoch\":0,\"wall\":0.000000,\"name\":\"step/loss\","
        "\"value\":1}\n");
    assert_int_equal(cps_metrics_close(&metrics), CPS_OK);
}

static void a_new_run_starts_anew(void **state)
{
    (void)state;
    add(0, 0, 0, "step/loss", 1);
    assert_int_equal(cps_metrics_close(&metrics), CPS_OK);
    assert_int_equal(cps_metrics_open(&metrics, &folder, 1), CPS_OK);
    assert_lines("");
}

#define each(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        each(lines_appear_with_each_flush),
        each(every_part_of_an_event_is_its_own),
        each(full_disk_is_told_and_lines_are_kept),
        each(a_new_run_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
