upstream %name% {
	%servers%
}
server {
    listen %address%:%web_port%;
    server_name %domain% %aliases%;
    location /ws {
        proxy_pass http://%name%;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        location ~* ^.+\.(%extensions%)$ { root %docroot%; }
    }
    include %home%/conf/%domain%/nginx.conf_*;
}
