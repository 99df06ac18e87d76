# SPDX-License-Identifier: LGPL-2.1-or-later
# pwk.dll: what Windows programs link to or load. Built by the Windows cross compiler, its header
# made from pwk.idl by widl and its exports from pwk.spec by winebuild.
PWK_DLL_C = dlls/pwk/pwk.c dlls/pwk/mirror.c dlls/pwk/bound_callbacks.c dlls/pwk/transactions.c \
	dlls/pwk/native_handlers.c dlls/pwk/service_call.c dlls/pwk/services.c \
	dlls/pwk/win32_registry.c dlls/pwk/win32_transactions.c
PWK_DLL_OWN_H = dlls/pwk/mirror.h dlls/pwk/unix_side.h dlls/pwk/nt_transactions.h \
	dlls/pwk/win32_status.h
PWK_DLL_H = $(PWK_DLL_OWN_H) unixlib/unixlib.h
EXTRA_DIST += $(PWK_DLL_C) $(PWK_DLL_OWN_H) dlls/pwk/pwk.idl dlls/pwk/pwk.spec

pedir = $(pkglibdir)/x86_64-windows
pe_DATA = pwk/x86_64-windows/pwk.dll pwk/x86_64-windows/libpwk.a
peincludedir = $(includedir)/pwk/windows
peinclude_DATA = pwk/windows-include/pwk.h
pkgconfig_DATA += dlls/pwk/pwk-mingw.pc
CLEANFILES += $(pe_DATA) $(peinclude_DATA) pwk/pwk.def pwk/x86_64-windows/pwk.dll.tmp

pwk/windows-include/pwk.h: dlls/pwk/pwk.idl
	@$(MKDIR_P) pwk/windows-include
	$(AM_V_GEN)$(WIDL) -h -o $@ $(srcdir)/dlls/pwk/pwk.idl

pwk/pwk.def: dlls/pwk/pwk.spec
	@$(MKDIR_P) pwk
	$(AM_V_GEN)$(WINEBUILD) --def -E $(srcdir)/dlls/pwk/pwk.spec -o $@

# The last step puts Wine's mark into the file, by which Wine looks for a Unix side.
pwk/x86_64-windows/pwk.dll: $(PWK_DLL_C) $(PWK_DLL_H) pwk/windows-include/pwk.h \
		pwk/pwk.def
	@$(MKDIR_P) pwk/x86_64-windows
	$(AM_V_GEN)$(MINGW_CC) $(MINGW_CFLAGS) -I$(srcdir) -I$(srcdir)/dlls/pwk \
		-Ipwk/windows-include -shared -static-libgcc -Wl,--no-insert-timestamp -o $@.tmp \
		$(srcdir)/dlls/pwk/pwk.c $(srcdir)/dlls/pwk/mirror.c \
		$(srcdir)/dlls/pwk/bound_callbacks.c $(srcdir)/dlls/pwk/transactions.c \
		$(srcdir)/dlls/pwk/native_handlers.c \
		$(srcdir)/dlls/pwk/service_call.c $(srcdir)/dlls/pwk/services.c \
		$(srcdir)/dlls/pwk/win32_registry.c $(srcdir)/dlls/pwk/win32_transactions.c \
		pwk/pwk.def -lntdll
	$(AM_V_at)$(WINEBUILD) --builtin $@.tmp
	$(AM_V_at)mv -f $@.tmp $@

pwk/x86_64-windows/libpwk.a: pwk/pwk.def
	@$(MKDIR_P) pwk/x86_64-windows
	$(AM_V_GEN)$(MINGW_DLLTOOL) -d pwk/pwk.def -D pwk.dll -l $@
