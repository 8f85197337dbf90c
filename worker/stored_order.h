/*
 * The order of a prepared set's ratings, private to order.c.
 *
 *     set, mapped -- a user block's runs --> sorted in memory
 *
 * and where the ratings exceed the memory, 8 bytes each in a temporary file (spill.h):
 *
 *     set, mapped -- one pass --> words by user block -- a user block --> sorted in the same place, or kept in
 * memory
 *
 * The sorted file is mapped. A user block's blocks are read one after the other, so while one is trained the
 * next one is read ahead, and one that was trained leaves memory.
 */
#ifndef CPS_WORKER_STORED_ORDER_H
#define CPS_WORKER_STORED_ORDER_H

#include "worker/order.h"

/* Creates the order of the stored ratings of dataset, for order, whose blocks and arrays are set up. threads
 * deal at a time. If the ratings exceed memory_bytes the pass is to be made by cps_stored_order_spread(). */
enum cps_status cps_stored_order_create(struct cps_order *order, const struct cps_dataset *dataset,
                                        uint32_t threads, uint64_t memory_bytes, struct cps_stored_order **out);
void cps_stored_order_destroy(struct cps_stored_order **self);

/* As cps_order_spread(). */
enum cps_status cps_stored_order_spread(struct cps_stored_order *self, bool *more);

/* As cps_order_deal(); sets the user block's starts in order. */
enum cps_status cps_stored_order_deal(const struct cps_stored_order *self, struct cps_order *order,
                                      uint32_t user_block, struct cps_order_scratch **scratch);

void cps_stored_order_advise(const struct cps_stored_order *self, const struct cps_order *order,
                             const struct cps_ordered *ordered, uint32_t user_block, uint32_t movie_block,
                             bool expected);

#endif
