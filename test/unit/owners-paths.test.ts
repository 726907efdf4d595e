// SPDX-License-Identifier: Apache-2.0
// What a cgroup path says: one table for units, containers, pods and machines, hostile paths included.
import { describe, expect, it } from 'vitest'
import { components, readProcessCgroups } from '../../src/owners/cgroup-path.js'
import { readContainers } from '../../src/owners/container.js'
import { readPod } from '../../src/owners/k8s.js'
import { readUnits, templateOf, unescapeUnit } from '../../src/owners/systemd.js'

const A = 'a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90'
const B = '0f'.repeat(32)
const UID = '6c8fbe5e-0f0a-4d0c-9d0e-2f3a4b5c6d7e'
const UID_ = UID.replaceAll('-', '_')
const STATIC = 'd1f0a2b3c4d5e6f708192a3b4c5d6e7f'

/** Everything a path says, in one flat object; keys without a value are left out. */
function all(path: string): Record<string, unknown> {
  const parts = components(path)
  const { chain, vm, ...rest } = readContainers(parts)
  const pod = readPod(parts)
  return {
    ...readUnits(path),
    ...(chain.length > 0 ? { containers: chain.map((c) => `${c.runtime} ${c.id}${c.user === undefined ? '' : ` user=${c.user}`}`) } : {}),
    ...rest,
    ...(vm ? { vm: `${vm.hypervisor} ${vm.name}` } : {}),
    ...(pod ? { pod: `${pod.qos} ${pod.uid}` } : {}),
  }
}

const user1000 = { slice: 'user-1000.slice', user: 1000, unit: 'user@1000.service' }
const U = '/user.slice/user-1000.slice/user@1000.service'
const long = 'x'.repeat(5000)

const cases: [what: string, path: string, expected: Record<string, unknown>][] = [
  // systemd
  ['the root', '/', {}],
  ['a system service', '/system.slice/nginx.service', { slice: 'system.slice', unit: 'nginx.service' }],
  ['pid 1', '/init.scope', { slice: '-.slice', unit: 'init.scope' }],
  ['a delegated sub-cgroup', '/system.slice/foo.service/worker/3', { slice: 'system.slice', unit: 'foo.service' }],
  ['nested slices', '/system.slice/system-getty.slice/getty@tty1.service', { slice: 'system-getty.slice', unit: 'getty@tty1.service' }],
  ['an escaped name', '/system.slice/dev-disk-by\\x2duuid.swap', { slice: 'system.slice', unit: 'dev-disk-by\\x2duuid.swap' }],
  ['an own slice', '/web.slice/web-blue.slice/shop.service', { slice: 'web-blue.slice', unit: 'shop.service' }],
  ['a slice only', '/system.slice', { slice: 'system.slice' }],
  ['a transient unit', '/system.slice/run-u12.service', { slice: 'system.slice', unit: 'run-u12.service' }],
  ['a socket unit', '/system.slice/ssh.socket', { slice: 'system.slice', unit: 'ssh.socket' }],
  ['a name that clashes with a controller', '/system.slice/_cpu.service', { slice: 'system.slice', unit: 'cpu.service' }],
  ['a session', '/user.slice/user-0.slice/session-3.scope', { slice: 'user-0.slice', user: 0, unit: 'session-3.scope', session: '3' }],
  ['a user unit', `${U}/app.slice/app-foo.service`, { ...user1000, userUnit: 'app-foo.service', userSlice: 'app.slice' }],
  ['the user manager itself', `${U}/init.scope`, { ...user1000, userUnit: 'init.scope' }],
  [
    'a user template',
    `${U}/app.slice/app-a.slice/a@b\\x2dc.service`,
    { ...user1000, userUnit: 'a@b\\x2dc.service', userSlice: 'app-a.slice' },
  ],
  [
    'a user scope',
    `${U}/app.slice/app-org.gnome.Term-12.scope`,
    { ...user1000, userUnit: 'app-org.gnome.Term-12.scope', userSlice: 'app.slice' },
  ],
  ['no systemd', '/mygroup/sub', {}],
  // Docker
  ['Docker, cgroupfs', `/docker/${A}`, { containers: [`docker ${A}`] }],
  ['Docker, systemd', `/system.slice/docker-${A}.scope`, { slice: 'system.slice', unit: `docker-${A}.scope`, containers: [`docker ${A}`] }],
  ['Docker, own parent', `/web.slice/docker-${A}.scope`, { slice: 'web.slice', unit: `docker-${A}.scope`, containers: [`docker ${A}`] }],
  ['Docker, cgroupfs parent', `/mine/${A}`, { containers: [`oci ${A}`] }],
  ['Docker in Docker', `/docker/${A}/docker/${B}`, { containers: [`docker ${A}`, `docker ${B}`] }],
  ['the first process of Docker in Docker', `/docker/${A}/init`, { containers: [`docker ${A}`] }],
  ['systemd in Docker', `/docker/${A}/system.slice/x.service`, { containers: [`docker ${A}`] }],
  [
    'Docker, rootless',
    `${U}/user.slice/docker-${A}.scope`,
    { ...user1000, userSlice: 'user.slice', userUnit: `docker-${A}.scope`, containers: [`docker ${A} user=1000`] },
  ],
  ['runtime without systemd', `/system.slice:docker:${A}`, { containers: [`docker ${A}`] }],
  ['the engine itself', '/system.slice/docker.service', { slice: 'system.slice', unit: 'docker.service' }],
  // Podman
  ['Podman', `/machine.slice/libpod-${A}.scope`, { slice: 'machine.slice', unit: `libpod-${A}.scope`, containers: [`podman ${A}`] }],
  [
    'Podman with crun',
    `/machine.slice/libpod-${A}.scope/container`,
    { slice: 'machine.slice', unit: `libpod-${A}.scope`, containers: [`podman ${A}`] },
  ],
  [
    'Podman, rootless',
    `${U}/user.slice/libpod-${A}.scope/container`,
    { ...user1000, userSlice: 'user.slice', userUnit: `libpod-${A}.scope`, containers: [`podman ${A} user=1000`] },
  ],
  [
    'Podman, split',
    `/system.slice/web.service/libpod-payload-${A}`,
    { slice: 'system.slice', unit: 'web.service', containers: [`podman ${A}`] },
  ],
  ['supervisor of a split unit', '/system.slice/web.service/supervisor', { slice: 'system.slice', unit: 'web.service' }],
  [
    'conmon',
    `/machine.slice/libpod-conmon-${A}.scope`,
    { slice: 'machine.slice', unit: `libpod-conmon-${A}.scope`, manages: `conmon of ${A.slice(0, 12)}` },
  ],
  ['Podman, cgroupfs', `/libpod_parent/libpod-${A}`, { containers: [`podman ${A}`] }],
  ['conmon, cgroupfs', '/libpod_parent/conmon', { manages: 'conmon' }],
  [
    'a Podman pod',
    `/machine.slice/machine-libpod_pod_${B}.slice/libpod-${A}.scope`,
    { slice: `machine-libpod_pod_${B}.slice`, unit: `libpod-${A}.scope`, containers: [`podman ${A}`], podmanPod: B },
  ],
  ['a Podman pod, cgroupfs', `/libpod_parent/${B}/libpod-${A}`, { containers: [`podman ${A}`], podmanPod: B }],
  // Kubernetes
  [
    'containerd',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice/cri-containerd-${A}.scope`,
    {
      slice: `kubepods-burstable-pod${UID_}.slice`,
      unit: `cri-containerd-${A}.scope`,
      containers: [`containerd ${A}`],
      pod: `burstable ${UID}`,
    },
  ],
  [
    'a guaranteed pod',
    `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${A}.scope`,
    { slice: `kubepods-pod${UID_}.slice`, unit: `cri-containerd-${A}.scope`, containers: [`containerd ${A}`], pod: `guaranteed ${UID}` },
  ],
  ['containerd, cgroupfs', `/kubepods/besteffort/pod${UID}/${A}`, { containers: [`containerd ${A}`], pod: `besteffort ${UID}` }],
  ['a guaranteed pod, cgroupfs', `/kubepods/pod${UID}/${A}`, { containers: [`containerd ${A}`], pod: `guaranteed ${UID}` }],
  ['a static pod', `/kubepods/burstable/pod${STATIC}/${A}`, { containers: [`containerd ${A}`], pod: `burstable ${STATIC}` }],
  [
    'CRI-O',
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-${A}.scope/container`,
    { slice: `kubepods-besteffort-pod${UID_}.slice`, unit: `crio-${A}.scope`, containers: [`cri-o ${A}`], pod: `besteffort ${UID}` },
  ],
  ['CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-${A}`, { containers: [`cri-o ${A}`], pod: `burstable ${UID}` }],
  [
    'conmon of CRI-O',
    `/kubepods.slice/kubepods-pod${UID_}.slice/crio-conmon-${A}.scope`,
    {
      slice: `kubepods-pod${UID_}.slice`,
      unit: `crio-conmon-${A}.scope`,
      manages: `conmon of ${A.slice(0, 12)}`,
      pod: `guaranteed ${UID}`,
    },
  ],
  [
    'drivers that disagree',
    `/system.slice/containerd.service/kubepods-burstable-pod${UID_}.slice:cri-containerd:${A}`,
    { slice: 'system.slice', unit: 'containerd.service', containers: [`containerd ${A}`], pod: `burstable ${UID}` },
  ],
  [
    'a node that is a container',
    `/docker/${B}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID_}.slice/cri-containerd-${A}.scope`,
    { containers: [`docker ${B}`, `containerd ${A}`], pod: `guaranteed ${UID}` },
  ],
  ['nerdctl', `/system.slice/nerdctl-${A}.scope`, { slice: 'system.slice', unit: `nerdctl-${A}.scope`, containers: [`containerd ${A}`] }],
  // LXC, nspawn, machines
  ['LXC 4', '/lxc.payload.web1', { containers: ['lxc web1'] }],
  ['LXC 4, systemd inside', '/lxc.payload.web1/system.slice/ssh.service', { containers: ['lxc web1'] }],
  ['LXC before', '/lxc/web1', { containers: ['lxc web1'] }],
  ['LXC with a directory', '/lxc/101/ns/system.slice', { containers: ['lxc 101'] }],
  ['lxc.monitor', '/lxc.monitor.web1', { manages: 'lxc.monitor of web1' }],
  ['nspawn', '/machine.slice/machine-db.scope/payload', { slice: 'machine.slice', unit: 'machine-db.scope', containers: ['nspawn db'] }],
  [
    'nspawn, escaped',
    '/machine.slice/machine-my\\x2ddb.scope',
    { slice: 'machine.slice', unit: 'machine-my\\x2ddb.scope', containers: ['nspawn my-db'] },
  ],
  [
    'nspawn by unit',
    '/machine.slice/systemd-nspawn@db.service/payload/system.slice/a.service',
    { slice: 'machine.slice', unit: 'systemd-nspawn@db.service', containers: ['nspawn db'] },
  ],
  [
    "nspawn's supervisor",
    '/machine.slice/systemd-nspawn@db.service/supervisor',
    { slice: 'machine.slice', unit: 'systemd-nspawn@db.service', manages: 'nspawn of db' },
  ],
  [
    'a virtual machine',
    '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator',
    { slice: 'machine.slice', unit: 'machine-qemu\\x2d1\\x2dvm.scope', vm: 'qemu vm' },
  ],
  [
    'LXC of libvirt',
    '/machine.slice/machine-lxc\\x2d77\\x2dbox.scope',
    { slice: 'machine.slice', unit: 'machine-lxc\\x2d77\\x2dbox.scope', containers: ['libvirt-lxc box'] },
  ],
  ['Podman in Docker', `/docker/${B}/libpod_parent/libpod-${A}`, { containers: [`docker ${B}`, `podman ${A}`] }],
  [
    'an id repeated below',
    `/machine.slice/libpod-${A}.scope/${A}`,
    { slice: 'machine.slice', unit: `libpod-${A}.scope`, containers: [`podman ${A}`] },
  ],
  // Hostile or malformed
  ['63 digits', `/docker/${A.slice(1)}`, {}],
  ['65 digits', `/docker/${A}0`, {}],
  ['not hexadecimal', `/docker/${'g'.repeat(64)}`, {}],
  ['upper case', `/docker/${A.toUpperCase()}`, {}],
  ['a newline in an id', `/docker/${A.slice(1)}\n`, {}],
  ['a newline after an id', `/docker/${A}\n`, {}],
  ['a scope with more behind it', `/system.slice/docker-${A}.scope.d`, { slice: 'system.slice' }],
  ['a scope with more in front', `/system.slice/x-docker-${A}.scope`, { slice: 'system.slice', unit: `x-docker-${A}.scope` }],
  ['a newline in a unit', '/system.slice/a\nb.service', { slice: 'system.slice' }],
  ['a newline after a unit', '/system.slice/nginx.service\n', { slice: 'system.slice' }],
  ['a unit without a name', '/system.slice/.service', { slice: 'system.slice' }],
  ['a unit of 256 characters', `/system.slice/${'x'.repeat(248)}.service`, { slice: 'system.slice' }],
  ['a unit of 255 characters', `/system.slice/${'x'.repeat(247)}.service`, { slice: 'system.slice', unit: `${'x'.repeat(247)}.service` }],
  ['a very long name', `/docker/${long}`, {}],
  ['very many levels', `${'/a'.repeat(5000)}/docker/${A}`, {}],
  ['dots', '/../../system.slice/nginx.service', { slice: 'system.slice', unit: 'nginx.service' }],
  ['dots between', `/docker/../${A}`, { containers: [`docker ${A}`] }],
  ['a pod outside of kubepods', `/mine/pod${UID}/x`, {}],
  [
    'a pod uid of mixed forms',
    `/kubepods.slice/kubepods-pod${UID.replace('-', '_')}.slice/x`,
    { slice: `kubepods-pod${UID.replace('-', '_')}.slice` },
  ],
  ['a pod uid one short', `/kubepods/besteffort/pod${UID.slice(1)}/x`, {}],
  [
    'a machine of control characters',
    '/machine.slice/machine-\\x1b\\x5bm.scope',
    { slice: 'machine.slice', unit: 'machine-\\x1b\\x5bm.scope' },
  ],
  ['an LXC name of control characters', '/lxc.payload.\u001b[2J', {}],
  ['an LXC without a name', '/lxc.payload.', {}],
  [
    'a user that is no number',
    '/user.slice/user-x.slice/user@x.service/app.slice/a.service',
    { slice: 'user-x.slice', unit: 'user@x.service' },
  ],
  ['no slash', 'system.slice', { slice: 'system.slice' }],
  ['nothing', '', {}],
]

describe('cgroup paths', () => {
  it.each(cases)('%s', (_what, path, expected) => {
    expect(all(path)).toEqual(expected)
  })

  it('has at least forty cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40)
  })
})

describe('unit names', () => {
  it.each([
    ['foo@bar.service', { template: 'foo@.service', instance: 'bar' }],
    ['foo@bar\\x2dbaz.service', { template: 'foo@.service', instance: 'bar-baz' }],
    ['foo@.service', undefined],
    ['foo.service', undefined],
    ['a@b@c.service', { template: 'a@.service', instance: 'b@c' }],
  ])('%s', (unit, expected) => {
    expect(templateOf(unit)).toEqual(expected)
  })

  it('unescapes bytes of UTF-8 and leaves what is no escape', () => {
    expect(unescapeUnit('caf\\xc3\\xa9')).toBe('café')
    expect(unescapeUnit('a\\x2')).toBe('a\\x2')
    expect(unescapeUnit('a\\xzz\\')).toBe('a\\xzz\\')
    expect(unescapeUnit('é\\x2d')).toBe('é-')
  })
})

describe('/proc/PID/cgroup', () => {
  it('reads the unified layout', () => {
    expect(readProcessCgroups('0::/system.slice/a.service\n')).toEqual({ unified: '/system.slice/a.service', others: [] })
  })

  it('reads the hybrid layout, with colons in names', () => {
    const text = '9:name=systemd:/system.slice/a.service\n4:memory:/docker/x:y\n3:cpu,cpuacct:/docker/x:y\n1:cpu:/\n0::/\n'
    expect(readProcessCgroups(text)).toEqual({ unified: '/', systemd: '/system.slice/a.service', others: ['/docker/x:y'] })
  })

  it('takes nothing from garbage', () => {
    expect(readProcessCgroups('0:/x\n::\nx:y:/z\n')).toEqual({ others: [] })
  })
})
