/* fuzz_frontend.c - what a fuzzer calls: any bytes at all, given to the front end as source text.
 *
 * Ensures nothing but that adc_check_source returns 0 or 1; the sanitizers see the rest. */
#include <stdint.h>
#include <stdlib.h>
#include "driver/adc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int status = adc_check_source("fuzz.tdsl", (const char *)data, size);
  if (status != 0 && status != 1) abort();
  return 0;
}
