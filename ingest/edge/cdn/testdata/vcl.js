// Runs the part of Fastly's VCL that edge.vcl is written in, as Fastly's
// reference describes it: what edge.vcl says can be tested by it, but not that
// Fastly accepts how it says it.
//
//   node vcl.js main.vcl log-format questions.json
//
// It prints {answers, log}: an answer for every question, and the lines that the
// log format makes of those with Edge-Log.
'use strict';
const fs = require('fs');
const crypto = require('crypto');

function tokens(text) {
  const form = /\s+|#[^\n]*|\{"([^]*?)"\}|"([^"\n]*)"|([A-Za-z_][\w.-]*(?::[A-Za-z]\w*)?)|(\d+)|(!~|==|!=|<=|>=|&&|\|\||[{}();,:=~<>!+])/gy;
  const list = [];
  let end = 0;
  for (let m; (m = form.exec(text)) !== null; end = form.lastIndex) {
    if (m[1] !== undefined) list.push({string: m[1]});
    else if (m[2] !== undefined) list.push({string: bytes(m[2])});
    else if (m[3] !== undefined) list.push({name: m[3]});
    else if (m[4] !== undefined) list.push({number: +m[4]});
    else if (m[5] !== undefined) list.push({sign: m[5]});
  }
  if (end !== text.length) throw new Error('no token: ' + text.slice(end, end + 40));
  return list;
}

// Only what is a whole escape is one, in a short string and in urldecode.
function bytes(text) {
  return Buffer.from(text, 'utf8').toString('latin1')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)))
    .replace(/^[^]*$/, (all) => Buffer.from(all, 'latin1').toString('utf8'));
}

function parse(list) {
  let at = 0;
  const program = {subs: {}, tables: {}};
  const sign = (s) => list[at] !== undefined && list[at].sign === s;
  const name = (n) => list[at] !== undefined && list[at].name === n;
  const wrong = (want) => new Error(`${JSON.stringify(list.slice(Math.max(0, at - 3), at + 2))}: want ${want}`);
  const take = (s) => { if (!sign(s)) throw wrong(s); at++; };
  const word = () => { if (list[at].name === undefined) throw wrong('a name'); return list[at++].name; };

  function primary() {
    const t = list[at++];
    if (t.string !== undefined) return () => t.string;
    if (t.number !== undefined) return () => t.number;
    if (t.name === undefined) throw wrong('a value');
    if (!sign('(')) return (env) => env.get(t.name);
    take('(');
    const args = [];
    while (!sign(')')) {
      // The name of a table is no variable.
      if (t.name.startsWith('table.') && args.length === 0) { const n = word(); args.push(() => n); } else args.push(expression());
      if (!sign(')')) take(',');
    }
    take(')');
    return (env) => env.call(t.name, args.map((a) => a(env)));
  }
  function expression() {
    const parts = [primary()];
    while (sign('+')) { at++; parts.push(primary()); }
    return parts.length === 1 ? parts[0] : (env) => parts.map((p) => env.text(p(env))).join('');
  }
  function comparison() {
    if (sign('(')) { take('('); const c = condition(); take(')'); return c; }
    if (sign('!')) { take('!'); const c = comparison(); return (env) => !c(env); }
    const left = expression();
    const op = list[at].sign;
    if (op === '~' || op === '!~') {
      at++;
      const pattern = list[at++].string;
      if (pattern === undefined) throw wrong('a literal pattern');
      const re = regex(pattern);
      return (env) => env.match(env.text(left(env)), re) === (op === '~');
    }
    if (!['==', '!=', '<', '>', '<=', '>='].includes(op)) return (env) => left(env) !== null;
    at++;
    const right = expression();
    return (env) => {
      const a = left(env), b = right(env);
      return {'==': a === b, '!=': a !== b, '<': a < b, '>': a > b, '<=': a <= b, '>=': a >= b}[op];
    };
  }
  function chain(op, next, all) {
    const parts = [next()];
    while (sign(op)) { at++; parts.push(next()); }
    return (env) => all ? parts.every((p) => p(env)) : parts.some((p) => p(env));
  }
  function condition() { return chain('||', () => chain('&&', comparison, true), false); }
  function block() {
    take('{');
    const steps = [];
    while (!sign('}')) steps.push(statement());
    take('}');
    return (env) => { for (const s of steps) s(env); };
  }
  function branch() {
    take('(');
    const when = condition();
    take(')');
    const then = block();
    let otherwise = () => {};
    if (name('else')) {
      at++;
      if (name('if')) { at++; otherwise = branch(); } else otherwise = block();
    }
    return (env) => (when(env) ? then : otherwise)(env);
  }
  function statement() {
    const what = word();
    let step;
    switch (what) {
      case 'if': return branch();
      case 'declare': { if (word() !== 'local') throw wrong('local'); const n = word(); word(); step = (env) => env.declare(n); break; }
      case 'set': { const n = word(); take('='); const e = expression(); step = (env) => env.set(n, e(env)); break; }
      case 'add': { const n = word(); take('='); const e = expression(); step = (env) => env.set(n, [].concat(env.get(n) ?? [], e(env))); break; }
      case 'call': { const n = word(); step = (env) => env.callSub(n); break; }
      case 'unset': { const n = word(); step = (env) => env.set(n, null); break; }
      case 'error': { const status = list[at++].number; step = () => { throw {status}; }; break; }
      case 'return': {
        if (sign(';')) { step = () => { throw {left: true}; }; break; } // a subroutine that was called
        take('('); word(); take(')'); step = () => { throw {returned: true}; }; break;
      }
      case 'synthetic': { const e = expression(); step = (env) => { env.body = Buffer.from(env.text(e(env))); }; break; }
      case 'synthetic.base64': { const e = expression(); step = (env) => { env.body = Buffer.from(e(env), 'base64'); }; break; }
      default: throw wrong('a statement');
    }
    take(';');
    return step;
  }
  while (at < list.length) {
    const kind = word(), n = word();
    if (kind === 'sub') {
      program.subs[n] = block();
    } else if (kind === 'table') {
      const table = program.tables[n] = new Map();
      take('{');
      while (!sign('}')) { const k = list[at++].string; take(':'); table.set(k, list[at++].string); take(','); }
      take('}');
    } else throw wrong('sub or table');
  }
  return program;
}

function regex(pattern) {
  const anycase = pattern.startsWith('(?i)');
  return new RegExp(anycase ? pattern.slice(4) : pattern, anycase ? 'i' : '');
}

class Env {
  constructor(program, question, time) {
    const [path, ...rest] = question.target.split('?');
    this.program = program;
    this.values = new Map(Object.entries({
      'req.method': question.method, 'req.protocol': question.protocol, 'req.url': question.target, 'req.url.path': path, 'req.url.qs': rest.join('?'),
      'client.ip': '127.0.0.1', 'time.start.sec': String(Math.floor(time / 1000)), 'time.start.msec_frac': String(time % 1000).padStart(3, '0'),
    }));
    for (const [n, v] of Object.entries(question.headers)) this.values.set('req.http.' + n.toLowerCase(), v);
    this.declared = new Set();
    this.body = Buffer.alloc(0);
  }
  key(n) { return /^(req|obj|resp)\.http\./.test(n) ? n.toLowerCase() : n; }
  text(v) { return v === null ? '' : String(v); }
  declare(n) { this.declared.add(n); this.values.set(n, null); }
  get(n) {
    const cookie = /^req\.http\.Cookie:(\w+)$/.exec(n);
    if (cookie) return (new RegExp('(?:^|; ?)' + cookie[1] + '=([^;]*)').exec(this.values.get('req.http.cookie') || '') || [null, null])[1];
    if (n.startsWith('var.') && !this.declared.has(n)) throw new Error(n + ' is not declared');
    if (!/^(var|req|obj|resp|client|time|re)\./.test(n)) throw new Error('no variable ' + n);
    const v = this.values.get(this.key(n));
    return v === undefined ? null : v;
  }
  set(n, v) {
    if (n.startsWith('var.') && !this.declared.has(n)) throw new Error(n + ' is not declared');
    if (v === null) this.values.delete(this.key(n)); else this.values.set(this.key(n), v);
  }
  match(text, re) {
    const m = re.exec(text);
    if (m) for (let i = 0; i < 10; i++) this.set('re.group.' + i, m[i] === undefined ? null : m[i]);
    return m !== null;
  }
  call(n, args) {
    const [a, b, c] = args;
    switch (n) {
      case 'uuid.version4': return crypto.randomUUID();
      case 'urldecode': return bytes(this.text(a).replace(/\+/g, ' '));
      case 'std.tolower': return this.text(a).toLowerCase();
      case 'regsub': return this.text(a).replace(regex(b), () => c);
      case 'regsuball': return this.text(a).replace(new RegExp(regex(b).source, regex(b).flags + 'g'), () => c);
      case 'table.lookup': { const v = this.program.tables[a].get(this.text(b)); return v === undefined ? c : v; }
      case 'table.contains': return this.program.tables[a].has(this.text(b)) ? true : null;
      case 'json.escape': return JSON.stringify(this.text(a)).slice(1, -1);
      case 'if': return a !== null ? b : c;
    }
    throw new Error('no function ' + n);
  }
  callSub(n) {
    try { this.program.subs[n](this); } catch (e) { if (!e.left) throw e; }
  }
  run(sub) {
    try { this.program.subs[sub](this); } catch (e) {
      if (e.status !== undefined) return e.status;
      if (!e.returned) throw e;
    }
    return null;
  }
}

const [vcl, format, questions] = process.argv.slice(2).map((f) => fs.readFileSync(f, 'utf8'));
const program = parse(tokens(vcl));
const variables = format.split(/%\{([^]*?)\}V/).map((part, i) => {
  if (i % 2 === 0) return () => part;
  const made = parse(tokens(`sub v { set resp.v = ${part}; }`));
  return (env) => { made.subs.v(env); return env.text(env.get('resp.v')); };
});
const answers = [];
let log = '';
for (const question of JSON.parse(questions)) {
  const env = new Env(program, question, Date.now());
  const status = env.run('vcl_recv');
  if (status === null) throw new Error('vcl_recv answered nothing: ' + question.target);
  env.set('obj.status', status);
  env.run('vcl_error');
  const headers = {};
  for (const [n, v] of env.values) if (n.startsWith('obj.http.')) headers[n.slice(9)] = [].concat(v);
  env.set('resp.status', env.get('obj.status'));
  answers.push({status: env.get('obj.status'), headers, body: env.body.toString('base64'), id: env.get('req.http.Edge-ID')});
  if (env.get('req.http.Edge-Log') !== null) log += variables.map((v) => v(env)).join('');
}
console.log(JSON.stringify({answers, log}));
