// The demo shop: the site's key comes from the server, in the page's address or its markup.
document.body.dataset.demo = ''
