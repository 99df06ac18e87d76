/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_image.h - the lower layer of a registry as Wine's text, cut into sections (one a key), and
 * what differs between two of them. Only sections that differ are ever parsed.
 */
#ifndef PWK_REGISTRY_LOWER_IMAGE_H
#define PWK_REGISTRY_LOWER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct lower_section {
    size_t path; /* where its path starts in `paths`: escaped as in the text, below \Registry */
    uint32_t path_size;
    const char *body; /* what follows the path, up to the next section */
    size_t body_size;
};

struct lower_image {
    struct lower_section *sections;
    size_t count, capacity;
    char *paths;
    size_t paths_size, paths_capacity;
};

/* A text that grows; `data` is the owner's to free. */
struct lower_text {
    char *data;
    size_t size, capacity;
};

/* Adds the sections of one text, which must live as long as the image. -EINVAL: it is no text of
 * Wine's (then a part may have been added); -ENOMEM. */
int lower_image_add(struct lower_image *image, const char *text, size_t size);
void lower_image_finish(struct lower_image *image);

/* What leads from `before` to `now`, as two texts for wine_text_parse, empty where there is
 * nothing: keys that are new or have changed, whole, and the paths of those that are gone. A key
 * that lost all that was its own but still has subkeys is in `changed`, without values. */
int lower_image_compare(const struct lower_image *before, const struct lower_image *now,
                        struct lower_text *changed, struct lower_text *gone);

/* The image as one text, which lower_image_add reads again. */
int lower_image_text(const struct lower_image *image, struct lower_text *out);

#endif
