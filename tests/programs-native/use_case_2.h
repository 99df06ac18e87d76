process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "embedded_hw");

// Register custom memory allocator for DMA
pk_register_allocator(kernel, dma_malloc, dma_free);

// Register custom I/O for hardware registers
pk_register_syscall(kernel, __NR_ioctl, custom_ioctl_handler);

pk_attach(kernel, embedded_app_pid);
