// An identity provider and authorization server for tests: oidc-provider, which is certified for OpenID Connect, with
// resource indicators (RFC 8707), introspection (RFC 7662) and two grants that it does not bring itself:
//
//   * token exchange (RFC 8693): an access token for one that is good elsewhere, with `act`, or for an ID-JAG;
//   * JWT bearer (RFC 7523): an ID-JAG of another issuer for an access token, as in enterprise-managed authorization.
//
// All it does is said by its environment:
//
//   PORT       where it listens, on 127.0.0.1; its issuer is `http://127.0.0.1:PORT`
//   RESOURCES  JSON: the resources tokens can be had for, each with its scopes; `opaque` among them makes opaque tokens
//   CLIENTS    JSON: [id, secret, [grant, …]] for each client; grants by their short names below
//   TRUSTS     the issuer whose ID-JAGs are taken, if any
//
// `/test/…` is for the test alone: tokens without a browser, bad ones too, a new key, what was asked.
import * as jose from 'jose';
import Provider, { errors } from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = `http://127.0.0.1:${port}`;
const resources = JSON.parse(process.env.RESOURCES);
const trusted = process.env.TRUSTS;
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const grants = { client: 'client_credentials', exchange, bearer };
const type = (name) => `urn:ietf:params:oauth:token-type:${name}`;
const now = () => Math.floor(Date.now() / 1000);

// --- Keys. They are replaced by `/test/rotate`; the provider signs its own tokens with the first one.

let made = 0;
async function makeKey() {
  const pair = await jose.generateKeyPair('RS256', { extractable: true });
  const kid = `key-${++made}`;
  const jwk = { ...(await jose.exportJWK(pair.privateKey)), kid, alg: 'RS256', use: 'sig' };
  const shown = { kty: jwk.kty, n: jwk.n, e: jwk.e, kid, alg: 'RS256', use: 'sig' };
  return { kid, jwk, shown, secret: pair.privateKey, public: pair.publicKey };
}
const first = await makeKey();
let keys = [first];
const current = () => keys.at(-1);
const keyOf = ({ kid }) => keys.find((key) => key.kid === kid)?.public;
const trustedKeys = trusted && jose.createRemoteJWKSet(new URL(`${trusted}/jwks`));

// --- The provider.

const scopes = ['openid', ...new Set(Object.values(resources).flatMap((scope) => scope.split(' ')))];
const provider = new Provider(issuer, {
  jwks: { keys: [first.jwk] },
  clients: JSON.parse(process.env.CLIENTS).map(([client_id, client_secret, names]) => ({
    client_id, client_secret, grant_types: names.map((name) => grants[name]),
    redirect_uris: [], response_types: [], scope: scopes.join(' '),
  })),
  scopes,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  ttl: { AccessToken: 300, ClientCredentials: 300 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (!resources[resource]) throw new errors.InvalidTarget();
        const opaque = resources[resource].split(' ').includes('opaque');
        const jwt = { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
        return { scope: resources[resource], audience: resource, ...(opaque ? { accessTokenFormat: 'opaque' } : jwt) };
      },
    },
  },
});

const sign = (claims, header = {}) => new jose.SignJWT(claims)
  .setProtectedHeader({ alg: 'RS256', kid: current().kid, typ: 'at+jwt', ...header })
  .setIssuedAt().setJti(crypto.randomUUID()).sign(current().secret);

// An access token that ends no later than what it was given for.
async function accessToken(ctx, { sub, resource, scope, act, until }) {
  if (!resources[resource]) throw new errors.InvalidTarget();
  const allowed = resources[resource].split(' ');
  const asked = (scope ?? '').split(' ').filter(Boolean);
  if (!asked.every((each) => allowed.includes(each))) throw new errors.InvalidScope('not for this resource', scope);
  const exp = Math.min(now() + 300, until);
  const claims = { iss: issuer, sub, aud: resource, exp, scope: asked.join(' '), client_id: ctx.oidc.client.clientId, ...(act && { act }) };
  return { access_token: await sign(claims), token_type: 'Bearer', expires_in: exp - now(), scope: claims.scope };
}

provider.registerGrantType(exchange, async (ctx) => {
  const asked = ctx.oidc.params;
  const client = ctx.oidc.client.clientId;
  if (asked.subject_token_type !== type('access_token')) throw new errors.InvalidRequest('an access token is exchanged here');
  let subject;
  try {
    subject = (await jose.jwtVerify(asked.subject_token, keyOf, { issuer, typ: 'at+jwt' })).payload;
  } catch {
    throw new errors.InvalidGrant('subject_token');
  }
  // Whoever exchanges a token must be whom it was made for: the gateway, whose resource is the first.
  if (subject.aud !== Object.keys(resources)[0]) throw new errors.InvalidTarget('the token is for somebody else');
  if (asked.requested_token_type === type('id-jag')) {
    const claims = { iss: issuer, sub: subject.sub, aud: asked.audience, exp: now() + 60, scope: asked.scope, resource: asked.resource, client_id: `${client}-elsewhere` };
    ctx.body = { access_token: await sign(claims, { typ: 'oauth-id-jag+jwt' }), issued_token_type: type('id-jag'), token_type: 'N_A', expires_in: 60, scope: asked.scope };
    return;
  }
  const issued = await accessToken(ctx, { sub: subject.sub, resource: asked.resource, scope: asked.scope, act: { sub: client }, until: subject.exp });
  ctx.body = { ...issued, issued_token_type: type('access_token') };
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope']);

const seen = new Set();
provider.registerGrantType(bearer, async (ctx) => {
  let claims;
  try {
    claims = (await jose.jwtVerify(ctx.oidc.params.assertion, trustedKeys, { issuer: trusted, audience: issuer, typ: 'oauth-id-jag+jwt', maxTokenAge: '2m' })).payload;
  } catch {
    throw new errors.InvalidGrant('assertion');
  }
  if (claims.client_id !== ctx.oidc.client.clientId) throw new errors.InvalidGrant('client_id');
  if (seen.has(claims.jti)) throw new errors.InvalidGrant('replayed');
  seen.add(claims.jti);
  ctx.body = await accessToken(ctx, { sub: claims.sub, resource: claims.resource, scope: claims.scope, until: Infinity });
}, ['assertion', 'scope']);

// --- For the test alone. `asked` keeps what clients brought, to be searched for what should not be there.

const asked = [];
const test = {
  // A token with any claims, and any header: `?claims={…}&header={…}`, on top of good ones. `key` chooses how it is
  // signed: `none` leaves the signature out, `public` takes the public key for a shared secret, `other` is nobody's.
  async token({ claims = '{}', header = '{}', key }) {
    const all = { iss: issuer, sub: 'alice', client_id: 'agent', exp: now() + 300, ...JSON.parse(claims) };
    const head = { alg: 'RS256', typ: 'at+jwt', kid: current().kid, ...JSON.parse(header) };
    const part = (json) => jose.base64url.encode(JSON.stringify(json));
    if (key === 'none') return `${part({ ...head, alg: head.alg === 'RS256' ? 'none' : head.alg })}.${part(all)}.`;
    if (key === 'public') {
      const secret = new TextEncoder().encode(await jose.exportSPKI(current().public));
      return new jose.SignJWT(all).setProtectedHeader({ ...head, alg: 'HS256' }).sign(secret);
    }
    const secret = key === 'other' ? (await jose.generateKeyPair('RS256')).privateKey : current().secret;
    return new jose.SignJWT(all).setProtectedHeader(head).setIssuedAt().sign(secret);
  },
  // An opaque token of somebody's, as a browser would have brought it about.
  async opaque({ sub = 'alice', resource, scope }) {
    const client = await provider.Client.find('agent');
    const grant = new provider.Grant({ accountId: sub, clientId: client.clientId });
    grant.addResourceScope(resource, scope);
    const grantId = await grant.save();
    const token = new provider.AccessToken({ accountId: sub, client, grantId, gty: 'authorization_code', scope });
    token.setAudience(resource);
    return token.save();
  },
  // A new key signs; the old ones stay good with `keep`.
  async rotate({ keep }) {
    keys = [...(keep ? keys : []), await makeKey()];
    return current().kid;
  },
  asked: async () => JSON.stringify(asked),
};

// How often the keys were fetched; the provider's own document knows the first key only.
provider.use(async (ctx, next) => {
  asked.push({ path: ctx.path, authorization: ctx.get('authorization') });
  if (ctx.path === '/jwks') {
    ctx.body = { keys: keys.map((key) => key.shown) };
    return;
  }
  const does = ctx.path.startsWith('/test/') && test[ctx.path.slice('/test/'.length)];
  if (does) ctx.body = await does(ctx.query);
  else await next();
});
provider.on('server_error', (_, error) => console.error(error));
provider.on('grant.error', (ctx, error) => console.log(`refused: ${ctx.oidc.params?.grant_type} ${error.error} ${error.error_detail ?? ''}`));
provider.listen(port, '127.0.0.1', () => console.log(`issuer ${issuer}`));
