/* Numbers as text; see figures.h. */
#include "server/record/figures.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct cps_figure cps_figure(const char *format, ...)
{
    struct cps_figure made;
    va_list args;
    va_start(args, format);
    vsnprintf(made.text, sizeof made.text, format, args);
    va_end(args);
    return made;
}

struct cps_figure cps_figure_grouped(uint64_t number)
{
    struct cps_figure digits = cps_figure("%llu", (unsigned long long)number), made;
    size_t length = strlen(digits.text), used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            made.text[used++] = ',';
        made.text[used++] = digits.text[i];
    }
    made.text[used] = '\0';
    return made;
}

struct cps_figure cps_figure_rate(double ratings_per_s)
{
    if (ratings_per_s >= 1e6)
        return cps_figure("%.2f M ratings/s", ratings_per_s / 1e6);
    if (ratings_per_s >= 1e4)
        return cps_figure("%.0f k ratings/s", ratings_per_s / 1e3);
    return cps_figure("%.0f ratings/s", ratings_per_s);
}

struct cps_figure cps_figure_duration(double seconds, int minute_digits)
{
    uint64_t whole = seconds > 0 && seconds < 1e12 ? (uint64_t)seconds : 0;
    unsigned long long hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
    if (hours > 0)
        return cps_figure("%llu:%02llu:%02llu", hours, minutes, rest);
    return cps_figure("%0*llu:%02llu", minute_digits, minutes, rest);
}

struct cps_figure cps_figure_seconds(double seconds)
{
    int decimals = seconds >= 100 ? 0 : seconds >= 10 ? 1 : seconds >= 1 ? 2 : seconds >= 0.1 ? 3 : 4;
    return cps_figure("%.*f", decimals, seconds);
}

struct cps_figure cps_figure_loss(double loss)
{
    enum { MOST = 10 };
    for (int decimals = 6; decimals >= 0; decimals--) {
        struct cps_figure made = cps_figure("%.*f", decimals, loss);
        if (strlen(made.text) <= MOST)
            return made;
    }
    return cps_figure("%.3e", loss);
}

const char *cps_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
