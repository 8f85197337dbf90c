/* Time for deadlines and reports. Roles never read it: drivers hand them 'now'. */
#ifndef CPS_BASE_CLOCK_H
#define CPS_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds since some fixed moment. */
uint64_t cps_clock_ns(void);

/* Sleeps for about ns nanoseconds. */
void cps_sleep_ns(uint64_t ns);

#endif
