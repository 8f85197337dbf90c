/* Clocks for deadlines and reports. Roles never read a clock: their driver passes 'now'. */
#ifndef CPS_BASE_CLOCK_H
#define CPS_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds since an arbitrary fixed moment. */
uint64_t cps_clock_ns(void);

/* Microseconds since 1970 by the wall clock, with a resolution of a few milliseconds: cheap enough to call
 * in every step. It may jump. */
uint64_t cps_wall_us(void);

/* Sleeps for about ns nanoseconds. */
void cps_sleep_ns(uint64_t ns);

#endif
