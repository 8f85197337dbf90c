/*
 * The upper bounds of the numbers of a run. Both the options, when they are read, and a plan received over the
 * network (proto/fields.h) are checked against this one list, so that no valid option leads to a refused plan.
 */
#ifndef CPS_PROTO_BOUNDS_H
#define CPS_PROTO_BOUNDS_H

#define CPS_MOST_FACTORS 4096
#define CPS_MOST_EPOCHS 1000000
#define CPS_MOST_BATCH 16777216
#define CPS_MOST_LR 1e6
#define CPS_MOST_WD 1e6
#define CPS_MOST_BLOCKS 4096
#define CPS_MOST_NODES 65535 /* servers, and workers */

#endif
