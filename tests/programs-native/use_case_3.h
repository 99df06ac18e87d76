process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "restricted");

// Block dangerous system calls
pk_register_syscall(kernel, __NR_ptrace, blocked_syscall);
pk_register_syscall(kernel, __NR_execve, blocked_syscall);

// Limit memory
kernel->private_data = create_memory_limiter(256 * 1024 * 1024); // 256MB

pk_attach(kernel, untrusted_app_pid);
