/*
 * How far the numbers of a run may go. Options are held to these bounds where they are read, and a plan that
 * comes over the network where it arrives (proto/fields.h): one list, so that no option leads to a plan that is
 * refused.
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
