/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mapped_range.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 5 };

static uint8_t *map_file(size_t file_size, size_t size)
{
    int fd = memfd_create("a name with blanks, and longer than that: so long that the line of /proc/self/maps does not fit, which should "
                          "matter to nobody", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, (off_t)file_size), 0);
    uint8_t *pointer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert_neq(pointer, MAP_FAILED);
    (void)close(fd);
    return pointer;
}

Test(mapped_range, what_is_new_has_its_size)
{
    baton__mapped_ranges before;
    uint8_t *old = map_file(PAGE, PAGE);
    cr_assert(baton__mapped_ranges_init(&before));
    uint8_t *file = map_file(PAGES * PAGE, PAGES * PAGE);
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    cr_assert_geq(id, 0);
    uint8_t *segment = shmat(id, NULL, 0);
    cr_assert_neq((intptr_t)segment, -1);
    (void)shmctl(id, IPC_RMID, NULL);
    cr_assert_eq(baton__mapped_range_new(&before, file), PAGES * PAGE);
    cr_assert_eq(baton__mapped_range_new(&before, segment), 3 * PAGE);
    cr_assert_eq(baton__mapped_range_new(&before, old), 0, "it was there");
    cr_assert_eq(baton__mapped_range_new(&before, file + PAGE), 0, "not its beginning");
    cr_assert_eq(baton__mapped_range_new(&before, file + 1), 0);
    cr_assert_eq(baton__mapped_range_new(&before, NULL), 0);
    cr_assert_eq(munmap(file, PAGES * PAGE), 0);
    cr_assert_eq(baton__mapped_range_new(&before, file), 0);
    cr_assert_eq(shmdt(segment), 0);
    cr_assert_eq(munmap(old, PAGE), 0);
    baton__mapped_ranges_fini(&before);
}

Test(mapped_range, the_rest_of_a_file_is_no_beginning)
{
    baton__mapped_ranges before;
    cr_assert(baton__mapped_ranges_init(&before));
    uint8_t *file = map_file(PAGES * PAGE, PAGES * PAGE);
    cr_assert_eq(munmap(file, PAGE), 0);
    cr_assert_eq(baton__mapped_range_new(&before, file + PAGE), 0);
    cr_assert_eq(munmap(file + PAGE, (PAGES - 1) * PAGE), 0);
    baton__mapped_ranges_fini(&before);
}

Test(mapped_range, a_file_that_is_too_short_is_seen)
{
    uint8_t *file = map_file(PAGE, 2 * PAGE);
    cr_assert(baton__mapped_end_is_readable(file + PAGE));
    cr_assert_not(baton__mapped_end_is_readable(file + 2 * PAGE));
    memset(file, 0xFF, PAGE);
    cr_assert(baton__mapped_end_is_readable(file + PAGE), "whatever it says");
    cr_assert_eq(munmap(file, 2 * PAGE), 0);
}
