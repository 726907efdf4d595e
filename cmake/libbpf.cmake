# Target flowident_libbpf. system: the shared library of the distribution. bundled: a static one, built position-independent
# from the kernel source that Debian packages (apt-get install linux-source-6.12), for a release that must run on hosts
# without libbpf.so.1.
set(FLOWIDENT_LIBBPF system CACHE STRING "system or bundled")
set(FLOWIDENT_LINUX_SOURCE /usr/src/linux-source-6.12.tar.xz CACHE FILEPATH "kernel source for FLOWIDENT_LIBBPF=bundled")
add_library(flowident_libbpf INTERFACE)

if(FLOWIDENT_LIBBPF STREQUAL system)
	find_package(PkgConfig REQUIRED)
	pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
	message(STATUS "libbpf: system ${LIBBPF_VERSION}")
	target_link_libraries(flowident_libbpf INTERFACE PkgConfig::LIBBPF)
elseif(FLOWIDENT_LIBBPF STREQUAL bundled)
	if(NOT EXISTS ${FLOWIDENT_LINUX_SOURCE})
		message(FATAL_ERROR "FLOWIDENT_LIBBPF=bundled needs ${FLOWIDENT_LINUX_SOURCE} (apt-get install linux-source-6.12)")
	endif()
	set(LIBBPF_DIR ${CMAKE_BINARY_DIR}/libbpf)
	set(LIBBPF_ARCHIVE ${LIBBPF_DIR}/out/usr/lib64/libbpf.a)
	add_custom_command(
		OUTPUT ${LIBBPF_ARCHIVE}
		COMMAND ${CMAKE_COMMAND} -E make_directory ${LIBBPF_DIR}/src ${LIBBPF_DIR}/obj
		COMMAND tar -xf ${FLOWIDENT_LINUX_SOURCE} -C ${LIBBPF_DIR}/src --strip-components=1 --wildcards
			*/tools/lib/bpf */tools/include */tools/scripts */tools/build */tools/arch/*/include */scripts/bpf_doc.py
		COMMAND make -s -C ${LIBBPF_DIR}/src/tools/lib/bpf OUTPUT=${LIBBPF_DIR}/obj/ DESTDIR=${LIBBPF_DIR}/out prefix=/usr
			libdir=/usr/lib64 "EXTRA_CFLAGS=-fPIC -O2 -fvisibility=hidden" V=0 ${LIBBPF_DIR}/obj/libbpf.a install_headers
		COMMAND ${CMAKE_COMMAND} -E make_directory ${LIBBPF_DIR}/out/usr/lib64
		COMMAND ${CMAKE_COMMAND} -E copy ${LIBBPF_DIR}/obj/libbpf.a ${LIBBPF_ARCHIVE}
		DEPENDS ${FLOWIDENT_LINUX_SOURCE}
		COMMENT "libbpf from ${FLOWIDENT_LINUX_SOURCE}"
		VERBATIM)
	add_custom_target(libbpf_bundled DEPENDS ${LIBBPF_ARCHIVE})
	add_dependencies(flowident_libbpf libbpf_bundled)
	message(STATUS "libbpf: bundled, from ${FLOWIDENT_LINUX_SOURCE}")
	target_include_directories(flowident_libbpf BEFORE INTERFACE ${LIBBPF_DIR}/out/usr/include)
	# behind the archive, which needs them
	target_link_libraries(flowident_libbpf INTERFACE ${LIBBPF_ARCHIVE} elf z)
else()
	message(FATAL_ERROR "FLOWIDENT_LIBBPF is ${FLOWIDENT_LIBBPF}: system or bundled")
endif()
