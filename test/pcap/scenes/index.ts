// SPDX-License-Identifier: Apache-2.0
// All recordings.
import type { Scene } from '../scene.js'
import { DNS } from './dns.js'
import { FABRIC } from './fabric.js'
import { GRPC } from './grpc.js'
import { HTTP1 } from './http1.js'
import { HTTP2 } from './http2.js'
import { LINKS } from './links.js'
import { MQ } from './mq.js'
import { QUIC } from './quic.js'
import { REDIS } from './redis.js'
import { SHAPES } from './shapes.js'
import { SQL } from './sql.js'
import { SSH } from './ssh.js'
import { TELEMETRY } from './telemetry.js'
import { TLS } from './tls.js'
import { WEBSOCKET } from './websocket.js'

export const SCENES: readonly Scene[] = [
  ...[HTTP1, HTTP2, GRPC, WEBSOCKET, DNS, TLS, SSH, REDIS, SQL, MQ, QUIC, LINKS, SHAPES, TELEMETRY, FABRIC].flat(),
]
