/* The memory that this process may use. */
#ifndef CPS_BASE_RAM_H
#define CPS_BASE_RAM_H

#include <stdint.h>

/* The least of: what the system says is available, the limits of this process's control groups (version 1 or
 * 2), and its resource limits on address space and data. In bytes; 0 if nothing is known. */
uint64_t cps_ram_bytes(void);

#endif
