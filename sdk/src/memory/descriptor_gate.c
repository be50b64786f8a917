#include "memory/descriptor.h"
struct baton__gate *baton__descriptor_gate(const baton_descriptor *d){(void)d;return 0;}
