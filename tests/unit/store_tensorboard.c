/*
 * TensorBoard's event file, read back record by record. (A reader that shares nothing with the
 * program is tests/golden/records_tensorboard.py.)
 */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "common/base/crc32c.h"
#include "common/store/run_folder.h"
#include "common/store/tensorboard.h"
#include "proto/tensorboard.pb-c.h"
#include "tests/unit/store_files.h"

static struct cps_run_folder folder;
static struct cps_tensorboard board;

static int open_folder(void **state)
{
    if (make_test_folder(state) != 0)
        return -1;
    return cps_run_folder_open(&folder, test_folder, false, 0, 0) == CPS_OK ? 0 : -1;
}

static int close_folder(void **state)
{
    cps_tensorboard_close(&board);
    cps_run_folder_close(&folder);
    return remove_test_folder(state);
}

static const struct cps_tensorboard_option options[] = {
    {"lr-max", "0.005"}, {"optimizer", "adam"}, {"init", "\xff/a.safetensors"}};
enum { OPTIONS = sizeof options / sizeof options[0] };

/* The one event file; good until the next call. */
static const char *event_file(void)
{
    static char path[512];
    int found = 0;
    DIR *tb = opendir(in_folder("tb"));
    assert_non_null(tb);
    for (struct dirent *entry; (entry = readdir(tb));)
        if (strstr(entry->d_name, "tfevents")) {
            snprintf(path, sizeof path, "%.200s/tb/%.255s", test_folder, entry->d_name);
            found++;
        }
    closedir(tb);
    assert_int_equal(found, 1);
    return path;
}

static uint32_t masked(const void *bytes, size_t count)
{
    uint32_t crc = cps_crc32c(bytes, count);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* All events of the file, at most 16, for free_events(). */
static size_t read_events(Tensorboard__Event *events[16])
{
    size_t size, count = 0;
    char *bytes = read_bytes(event_file(), &size);
    for (size_t at = 0; at < size; count++) {
        uint64_t length;
        uint32_t head_crc, data_crc;
        assert_true(count < 16 && size - at >= 16);
        memcpy(&length, bytes + at, 8);
        memcpy(&head_crc, bytes + at + 8, 4);
        assert_int_equal(head_crc, masked(bytes + at, 8));
        assert_true(length <= size - at - 16);
        memcpy(&data_crc, bytes + at + 12 + length, 4);
        assert_int_equal(data_crc, masked(bytes + at + 12, length));
        events[count] = tensorboard__event__unpack(NULL, length, (const uint8_t *)bytes + at + 12);
        assert_non_null(events[count]);
        at += 16 + length;
    }
    free(bytes);
    return count;
}

static void free_events(Tensorboard__Event *events[16], size_t count)
{
    for (size_t i = 0; i < count; i++)
        tensorboard__event__free_unpacked(events[i], NULL);
}

static const Tensorboard__SummaryValue *value_of(const Tensorboard__Event *event)
{
    assert_int_equal(event->what_case, TENSORBOARD__EVENT__WHAT_SUMMARY);
    assert_int_equal(event->summary->n_value, 1);
    return event->summary->value[0];
}

/* What an event holds for the HPARAMS tab, under tag. */
static Tensorboard__HParamsPluginData *plugin_data(const Tensorboard__Event *event, const char *tag)
{
    const Tensorboard__SummaryValue *value = value_of(event);
    assert_string_equal(value->tag, tag);
    assert_string_equal(value->metadata->plugin_data->plugin_name, "hparams");
    const ProtobufCBinaryData *content = &value->metadata->plugin_data->content;
    Tensorboard__HParamsPluginData *data =
        tensorboard__hparams_plugin_data__unpack(NULL, content->len, content->data);
    assert_non_null(data);
    return data;
}

/* RFC 3720, appendix B.4, and the usual check value; a length of less than the eight bytes of a turn. */
static void checksum_is_crc32c(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(cps_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(cps_crc32c("", 0), 0);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(cps_crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(cps_crc32c(bytes, 32), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(cps_crc32c(bytes, 32), 0x46dd794eu);
    assert_int_equal(cps_crc32c(bytes + 1, 7), 0xbd3a64dcu);
    for (size_t count = 0; count <= 32; count++)
        assert_int_equal(cps_crc32c(bytes, count), cps_crc32c_portable(bytes, count));
}

static void a_file_begins_with_version_and_options(void **state)
{
    (void)state;
    Tensorboard__Event *events[16];
    assert_int_equal(cps_tensorboard_open(&board, &folder, 1500000, options, OPTIONS), CPS_OK);
    assert_non_null(strstr(event_file(), "/tb/events.out.tfevents.0000000001."));
    size_t count = read_events(events);
    assert_int_equal(count, 3);
    assert_int_equal(events[0]->what_case, TENSORBOARD__EVENT__WHAT_FILE_VERSION);
    assert_string_equal(events[0]->file_version, "brain.Event:2");
    assert_true(events[0]->wall_time == 1.5);

    Tensorboard__HParamsPluginData *data = plugin_data(events[1], "_hparams_/experiment");
    assert_int_equal(data->experiment->n_hparam_infos, OPTIONS);
    assert_string_equal(data->experiment->hparam_infos[0]->name, "lr-max");
    assert_int_equal(data->experiment->hparam_infos[0]->type, TENSORBOARD__DATA_TYPE__DATA_TYPE_FLOAT64);
    assert_int_equal(data->experiment->hparam_infos[1]->type, TENSORBOARD__DATA_TYPE__DATA_TYPE_STRING);
    assert_string_equal(data->experiment->metric_infos[0]->name->tag, "epoch/valid_loss");
    tensorboard__hparams_plugin_data__free_unpacked(data, NULL);

    data = plugin_data(events[2], "_hparams_/session_start_info");
    assert_int_equal(data->session_start_info->n_hparams, OPTIONS);
    Tensorboard__HParam **entries = data->session_start_info->hparams;
    assert_string_equal(entries[0]->key, "lr-max");
    assert_true(entries[0]->value->number_value == 0.005);
    assert_string_equal(entries[1]->value->string_value, "adam");
    assert_string_equal(entries[2]->value->string_value, "?/a.safetensors");
    tensorboard__hparams_plugin_data__free_unpacked(data, NULL);
    free_events(events, count);
}

static void scalars_come_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t step;
        const char *tag;
        double value;
    } scalars[] = {{0, "step/loss", 13.987654321},
                   {1, "step/loss", 0.0},
                   {UINT32_MAX, "step/lr", 1e-5},
                   {4, "epoch/valid_loss", NAN}};
    enum { SCALARS = sizeof scalars / sizeof scalars[0] };
    Tensorboard__Event *events[16];
    assert_int_equal(cps_tensorboard_open(&board, &folder, 0, options, 0), CPS_OK);
    for (size_t i = 0; i < SCALARS; i++)
        assert_int_equal(
            cps_tensorboard_scalar(&board, 2500000 + i, scalars[i].step, scalars[i].tag, scalars[i].value),
            CPS_OK);
    assert_int_equal(cps_tensorboard_flush(&board), CPS_OK);
    size_t count = read_events(events);
    assert_int_equal(count, 3 + SCALARS);
    for (size_t i = 0; i < SCALARS; i++) {
        const Tensorboard__SummaryValue *value = value_of(events[3 + i]);
        assert_true(fabs(events[3 + i]->wall_time - 2.5) < 1e-5);
        assert_int_equal(events[3 + i]->step, scalars[i].step);
        assert_string_equal(value->tag, scalars[i].tag);
        assert_int_equal(value->value_case, TENSORBOARD__SUMMARY_VALUE__VALUE_SIMPLE_VALUE);
        assert_int_equal(isnan(value->simple_value), isnan(scalars[i].value));
        assert_true(isnan(scalars[i].value) || value->simple_value == (float)scalars[i].value);
    }
    free_events(events, count);
}

static void the_end_is_told(void **state)
{
    (void)state;
    Tensorboard__Event *events[16];
    for (int went_well = 0; went_well < 2; went_well++) {
        assert_int_equal(cps_tensorboard_open(&board, &folder, 0, options, OPTIONS), CPS_OK);
        assert_int_equal(cps_tensorboard_end(&board, 3000000, went_well), CPS_OK);
        assert_int_equal(cps_tensorboard_close(&board), CPS_OK);
        size_t count = read_events(events);
        assert_int_equal(count, 4);
        Tensorboard__HParamsPluginData *data = plugin_data(events[3], "_hparams_/session_end_info");
        assert_int_equal(data->session_end_info->status,
                         went_well ? TENSORBOARD__STATUS__STATUS_SUCCESS : TENSORBOARD__STATUS__STATUS_FAILURE);
        assert_true(data->session_end_info->end_time_secs == 3.0);
        tensorboard__hparams_plugin_data__free_unpacked(data, NULL);
        free_events(events, count);
    }
}

/* TensorBoard would show two files in one folder as one run that went back in time. */
static void a_former_runs_file_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("tb"), 0777), 0);
    write_bytes(in_folder("tb/events.out.tfevents.0000000001.a.1"), "x", 1);
    write_bytes(in_folder("tb/notes"), "y", 1);
    assert_int_equal(cps_tensorboard_open(&board, &folder, 5000000, options, OPTIONS), CPS_OK);
    assert_non_null(strstr(event_file(), ".0000000005."));
    assert_int_equal(count_entries(in_folder("tb")), 2);
}

static void what_is_in_the_way_is_told(void **state)
{
    (void)state;
    write_bytes(in_folder("tb"), "x", 1);
    assert_int_equal(cps_tensorboard_open(&board, &folder, 0, options, OPTIONS), CPS_ERR_STORAGE);
    assert_contains(cps_error_text(), "/tb'");
}

#define each(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_crc32c),
        each(a_file_begins_with_version_and_options),
        each(scalars_come_back),
        each(the_end_is_told),
        each(a_former_runs_file_is_replaced),
        each(what_is_in_the_way_is_told),
    };
    board.file.fd = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
