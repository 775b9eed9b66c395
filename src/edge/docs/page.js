// Shows the contract, and lets whoever reads it try it out here: with the session's cookie, or with what they authorize.
(async () => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', paint);
  paint();

  const spec = await (await fetch('openapi.json')).json();
  // Where the page is served, there the calls go: bare, or under /api behind an ingress that passes nothing else on.
  const prefix = location.pathname.replace(/\/docs$/, '');
  spec.servers = [{ url: prefix || '/' }];
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: '#viewer',
    deepLinking: true,
    docExpansion: 'list',
    filter: true,
    showExtensions: true, // the scope that a token needs
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: 'none', // asks nobody else
    queryConfigEnabled: false,
    onComplete: () => document.documentElement.setAttribute('data-shown', ''),
  });
})();
