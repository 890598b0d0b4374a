import { createApp } from 'vue'
import App from './App.vue'
import { keepFocus } from './focus'
import { router } from './router'
import './style.css'

// The address is read before anything adds to it: else what is missing in it would be
// put into the address of the first page while another is still being fetched.
const app = createApp(App).use(router)
void router.isReady().then(() => app.mount('#app'))
keepFocus(document)
